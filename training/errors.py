"""The one error that the training commands show to a person as a single line."""


class TrainingError(Exception):
    """Bad input to a training command; the message names the file, and the line if there is one."""


class DivergedError(TrainingError):
    """The loss is no number any more."""
