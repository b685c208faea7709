"""From the FER+ tables to a trained Keras model: data, networks, training, evaluation."""
