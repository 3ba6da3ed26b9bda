"""Hacker News, through the stand-in of Algolia's search."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import hacker_news
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="hacker_news",
    routes=hacker_news.routes,
    source=lambda address: {
        "api": f"{address}/api/v1",
        "items_api": f"{address}/v0",
        "per_page": 10,
    },
    main="/api/v1/search_by_date",
    lacks={"wrong credentials": "reading needs none"},
)
