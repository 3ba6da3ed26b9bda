"""Bluesky's firehose, over a WebSocket."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import jetstream
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="jetstream",
    routes=jetstream.routes,
    source=lambda address: {"hosts": [address.replace("http", "ws", 1)]},
    main="/subscribe",
    lacks={"wrong credentials": "listening needs none"},
)
