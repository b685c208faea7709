"""The commands of `emotion-convert` beside the conversion itself, one module each."""
