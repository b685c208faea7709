"""Commands of `emotion-agent` that have a module of their own."""
