"""X by recent search, and as a stream, through the stand-in of its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sandbox.platforms import x
from tests.contract.collectors.conformance import Case


def _source(address: str, mode: str) -> Mapping[str, object]:
    return {
        "api": address,
        "mode": mode,
        "bearer_token": "geheimes-zeichen",
        "per_page": 10,
        "search_lag": "0s",
    }


SEARCH: Final = Case(
    kind="x",
    name="search",
    routes=x.routes,
    source=lambda address: _source(address, "search"),
    main="/2/tweets/search/recent",
)
STREAM: Final = Case(
    kind="x",
    name="stream",
    routes=x.routes,
    source=lambda address: _source(address, "stream"),
    # The rules of the stream too: they are asked for first.
    main="/2/tweets/search/*",
)
