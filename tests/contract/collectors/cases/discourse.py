"""Discourse, through the list of all posts, and through the search."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import discourse
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="discourse",
    routes=discourse.routes,
    source=lambda address: {
        "url": address,
        "api_key": "geheim",
        "api_username": "brandmelder",
    },
    main="/posts.json",
    name="posts",
)
SEARCH: Final = Case(
    kind="discourse",
    routes=discourse.routes,
    source=lambda address: {"url": address, "mode": "search"},
    main="/search.json",
    name="search",
)
