"""Captions: edits of many at once, a linter, and what writes them."""
