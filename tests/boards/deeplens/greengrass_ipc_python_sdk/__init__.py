"""Stands in for the way to a Greengrass core."""
