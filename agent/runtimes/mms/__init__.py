"""Faces read by a model server (MMS, TorchServe), and by this machine where none answers."""
