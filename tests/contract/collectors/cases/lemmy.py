"""Lemmy, through the stand-ins of instances with either form of the API."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from sandbox.platforms import lemmy
from tests.contract.collectors.conformance import Case

VERSION_3: Final = Case(
    kind="lemmy",
    name="v3",
    routes=lemmy.routes,
    source=lambda address: {"instance": address, "token": lemmy.TOKEN, "per_page": 10},
    lacks={"rate limit": "the server names no wait; a minute is kept"},
    main="/api/v3/search",
)
VERSION_4: Final = replace(
    VERSION_3,
    name="v4",
    routes=partial(lemmy.routes, version="v4"),
    main="/api/v4/search",
)
