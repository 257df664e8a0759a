"""Better data: what is wrong with labels, and which labels are suspect."""
