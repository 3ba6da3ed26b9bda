"""Telegram, through the stand-in of its Bot API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import telegram
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="telegram",
    routes=telegram.routes,
    source=lambda address: {"api": address, "token": telegram.TOKEN, "per_page": 10},
    takes_away=True,
    main="/bot*/getUpdates",
    lacks={"deletion": "nobody tells bots of deletions, and they cannot ask"},
)
