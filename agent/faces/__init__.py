"""Finding faces, following them, and cutting out what the model sees."""
