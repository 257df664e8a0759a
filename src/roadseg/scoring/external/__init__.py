"""Score label pictures of any tool, and say what other tools' definitions make of the same pictures."""
