"""What is asked of this machine and its operating system."""
