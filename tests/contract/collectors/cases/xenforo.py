"""XenForo, through its REST API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import xenforo
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="xenforo",
    routes=xenforo.routes,
    source=lambda address: {"url": address, "api_key": "geheim"},
    main="/api/threads*",
)
