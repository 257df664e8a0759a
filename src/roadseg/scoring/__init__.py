"""Scores, their intervals, and where and how confidently a network is right."""
