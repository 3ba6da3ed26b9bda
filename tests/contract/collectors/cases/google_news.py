"""Google News, through the feed of a search."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import google_news
from tests.contract.collectors.conformance import WORD, Case

CASE: Final = Case(
    kind="google_news",
    routes=google_news.routes,
    source=lambda address: {"api": f"{address}/rss", "terms": (WORD, "Nummer")},
    main=google_news.PATH,
    lacks={
        "paging": "the feed of a search is one page",
        "wrong credentials": "reading needs none",
        "deletion": "an article that left the feed may as well just be old",
    },
)
