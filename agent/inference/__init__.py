"""Reads the faces of pictures that are handed in, for every host alike: no HTTP, no server."""
