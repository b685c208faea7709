"""Hooks: the user's own program or web server is told of chosen events."""
