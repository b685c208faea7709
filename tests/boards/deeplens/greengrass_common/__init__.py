"""Stands in for what a Greengrass core gives the real SDK: no core, only the names it asks for."""
