"""The run directory: all that training leaves behind, and all that anything after it reads."""
