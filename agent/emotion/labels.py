"""The eight emotions of FER+, in the order of its label files, and the agent's own `unknown`."""

from typing import Final

EMOTIONS: Final[tuple[str, ...]] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
"""Column order of every vector of probabilities in the project (FER+, `fer2013new.csv`)."""

UNKNOWN: Final = "unknown"
"""What the agent says of a face whose evidence is too thin; never a column of the model."""
