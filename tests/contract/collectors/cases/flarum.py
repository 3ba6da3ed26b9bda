"""Flarum, through its list of posts."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import flarum
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="flarum",
    routes=flarum.routes,
    source=lambda address: {"url": address, "api_key": "geheim", "user_id": 1},
    main="/api/posts",
)
