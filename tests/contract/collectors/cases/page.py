"""A web page that describes its reviews in the words of schema.org."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import page
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="page",
    routes=page.routes,
    source=lambda address: {
        "url": address.replace("://", "://ann:geheim@") + page.PATH,
        "next": "a.weiter",
    },
    main=page.PATH,
    lacks={
        "deletion": "a review that left the page may as well just be old",
        "wrong credentials": "reading needs none",
    },
)
