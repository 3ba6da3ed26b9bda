"""Finds the system's Chromium."""

from __future__ import annotations

import shutil
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find() -> str | None:
    """The browser's path; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)
