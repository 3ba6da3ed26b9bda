"""Yelp, through its API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import yelp
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="yelp",
    routes=yelp.routes,
    source=lambda address: {
        "api": f"{address}/v3",
        "business": yelp.BUSINESS,
        "api_key": yelp.KEY,
    },
    lacks={
        "paging": "Yelp shows the three newest reviews and no more",
        "resuming": "there is one page only",
        "connection cut": "of five reviews only three are ever shown",
        "deletion": "a review that left the three may as well just be old",
    },
)
