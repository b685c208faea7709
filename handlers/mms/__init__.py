"""MXNet Model Server: the handler it loads, the archive that holds it, and the server itself."""
