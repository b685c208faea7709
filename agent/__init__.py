"""The service: camera frames in, expressions over time, events out."""

import os

__version__ = "0.1.0"

# Read by OpenCV when it is imported: it and its FFmpeg would print a line for every lost packet,
# and wait ten seconds for a camera that has stopped. What the user has set stays.
for _name, _value in (
    ("OPENCV_LOG_LEVEL", "OFF"),
    ("OPENCV_FFMPEG_LOGLEVEL", "-8"),
    ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3"),
):
    os.environ.setdefault(_name, _value)
