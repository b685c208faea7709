"""The Lambda function of the DeepLens project: importing it is running it.

Greengrass keeps the process of a long-lived function and never calls its handler. An error ends a
run and a timer begins the next, as the device's documentation has it.
"""

from __future__ import annotations

import logging
import sys

import awscam  # noqa: F401 - the board's OpenCV cannot be imported before it

from handlers.deeplens.loop import run_for_good

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")


def lambda_handler(_event: object, _context: object) -> None:
    """What AWS Lambda asks for; nobody calls it."""


run_for_good()
