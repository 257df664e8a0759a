"""The numbers and sentences of a report."""
