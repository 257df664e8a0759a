"""Score label pictures of any tool, and compute other tools' definitions of mean IoU on them."""
