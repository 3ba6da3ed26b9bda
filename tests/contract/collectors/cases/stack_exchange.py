"""Stack Exchange, through the stand-in of its API."""

from __future__ import annotations

from typing import Final

from sandbox.platforms import stack_exchange
from tests.contract.collectors.conformance import Case

CASE: Final = Case(
    kind="stack_exchange",
    routes=stack_exchange.routes,
    source=lambda address: {
        "api": f"{address}/2.3",
        "key": stack_exchange.KEY,
        "sites": ["mechanics"],
        "per_page": 10,
    },
    main="/2.3/search/excerpts",
)
