"""YouTube, through the stand-in of its Data API: the comments of one video."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import youtube
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="youtube",
    routes=youtube.routes,
    source=lambda address: {
        "api": f"{address}/youtube/v3",
        "key": youtube.KEY,
        "videos": [youtube.VIDEO],
        "per_page": 10,
    },
    main="/youtube/v3/commentThreads",
    lacks={"rate limit": "YouTube names no wait: its quota ends at midnight in California"},
)
