"""One model, many engines."""
