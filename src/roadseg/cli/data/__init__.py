"""The commands of `roadseg data`, one file each."""
