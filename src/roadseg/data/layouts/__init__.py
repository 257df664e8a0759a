"""How the files of each data set are laid out on disk."""
