"""From the trained Keras model to the files that each runtime loads, checked on the way."""
