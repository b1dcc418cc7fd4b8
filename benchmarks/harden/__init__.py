"""Hostile clients against a real server: what each sent, what it got, and how others fared meanwhile."""
