"""How long a test waits for what should happen before it says that it never does."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 180.0
"""Seconds: for a machine that has much else to do. Only what hangs takes as long."""
