"""What a test does when a back end that it needs is not there.

It is skipped with the reason, so that the suite runs on every machine; but where
BRANDMELDER_REQUIRE=kafka,postgres,chromium,docker names the back end, it fails: there, a test
left out by accident would look like a test passed.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def leave_out(backend: str, reason: str) -> NoReturn:
    """Ends the test: failed when the back end is required on this machine, else skipped."""
    if backend in required():
        pytest.fail(f"{backend} is required (BRANDMELDER_REQUIRE): {reason}", pytrace=False)
    pytest.skip(f"{backend}: {reason}")


def required() -> frozenset[str]:
    named = os.environ.get("BRANDMELDER_REQUIRE", "")
    return frozenset(name.strip() for name in named.split(",") if name.strip())
