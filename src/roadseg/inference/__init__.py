"""What a trained network makes of an image."""
