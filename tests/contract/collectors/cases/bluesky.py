"""Bluesky, through the search of an account's server."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import bluesky
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="bluesky",
    routes=bluesky.routes,
    source=lambda address: {
        "server": address,
        "identifier": bluesky.IDENTIFIER,
        "app_password": bluesky.PASSWORD,
        "followers": True,
        "per_page": 10,
    },
    main="/xrpc/app.bsky.feed.searchPosts",
)
