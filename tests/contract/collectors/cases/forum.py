"""Any forum with a feed: the front page names it."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import board_feed
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="forum",
    routes=board_feed.routes,
    source=lambda address: {"url": address.replace("://", "://ann:geheim@") + "/"},
    main=board_feed.RSS,
    lacks={
        "paging": "a feed is one page and holds only its newest entries",
        "deletion": "an entry that left the feed may as well just be old",
    },
)
