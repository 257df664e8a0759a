"""The drawings and pictures of a report."""
