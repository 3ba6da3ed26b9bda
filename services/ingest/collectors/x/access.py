"""X's API as one source uses it: what is asked for with every post, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from libs.common.clock import Clock
from services.ingest.budget import Spent
from services.ingest.collectors.x.posts import Found, Prices, found
from services.ingest.reading.platform_api import PlatformApi

Dialect: TypeAlias = Literal["tweet", "post"]
_FIELDS: Final = "author_id,conversation_id,created_at,entities,geo,lang,public_metrics"


@dataclass(frozen=True, slots=True)
class Asked:
    """What comes with a post, and what that costs.

    dialect: the names to ask with. authors: whether the accounts are read too. reposts: whether
    they are wanted, and with them the posts they show. per_page: posts in one answer at most.
    """

    dialect: Dialect
    authors: bool
    reposts: bool
    per_page: int
    prices: Prices

    def fields(self) -> dict[str, str | int]:
        """The parameters of a request for posts."""
        expansions = ["geo.place_id"]
        if self.authors:
            expansions.append("author_id")
        if self.reposts:
            expansions.append(f"referenced_{self.dialect}s.id")
        fields: dict[str, str | int] = {
            f"{self.dialect}.fields": (
                f"{_FIELDS},referenced_{self.dialect}s,note_{self.dialect},"
                f"edit_history_{self.dialect}_ids"
            ),
            "expansions": ",".join(expansions),
            "place.fields": "full_name,country_code",
        }
        if self.authors:
            fields["user.fields"] = "name,username,public_metrics"
        return fields

    def dearest_page(self) -> Spent:
        """The most that one answer may cost."""
        reads = self.per_page * (2 if self.reposts else 1)
        users = self.per_page if self.authors else 0
        return Spent(reads, reads * self.prices.post + users * self.prices.user)


@dataclass(frozen=True, slots=True)
class Access:
    """X's API for one source. api: with the credentials. address: of the API. site: where people
    see posts."""

    api: PlatformApi
    address: str
    site: str
    clock: Clock
    asked: Asked

    def url(self, path: str) -> str:
        return f"{self.address}/2/tweets{path}"

    def found(self, items: Sequence[msgspec.Raw], includes: msgspec.Raw) -> Found:
        return found(items, includes, self.site, self.asked.prices)
