"""A soak: the real agent for minutes or days, while its parts are taken away and given back."""
