"""Errors that a person can mend: the command line shows their message as one line."""

from __future__ import annotations


class AgentError(Exception):
    """A user's mistake or a missing part; the message says what, where, and what to do."""


class SourceError(AgentError):
    """A source that cannot be opened or read; the message names it."""


class ModelError(AgentError):
    """A model, manifest or weight file that is missing, damaged or of the wrong kind."""


class EngineMissingError(ModelError):
    """An engine that is not installed on this machine; the message says how to install it."""
