"""App Store Connect: the customer reviews of your own apps, in every country at once.

Needs an API key of your team with the role Customer Support or more:
https://developer.apple.com/documentation/appstoreconnectapi
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import quote

import jwt
import msgspec
from pydantic import Field, SecretStr, field_validator

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, Missing
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.answer import is_html
from services.ingest.reading.dates import parse_date
from services.ingest.reading.newest_first import PAGE_UNKNOWN, Lists, sweep_since
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.stars import of_five
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "app_store"
_PLAIN: Final = re.compile("[!-~]{1,2000}")
AUDIENCE: Final = "appstoreconnect-v1"
_LIFE: Final = timedelta(minutes=10)
"""Apple takes tokens that are good for twenty minutes at most."""


class Config(SourceConfig):
    """Customer reviews of your own app in the App Store, through App Store Connect."""

    kind: Literal["app_store_connect"] = "app_store_connect"
    app: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    """The app's Apple ID."""
    key_id: Annotated[str, Field(min_length=1, max_length=100)]
    issuer: Annotated[str, Field(min_length=1, max_length=100)]
    private_key: SecretStr
    """The content of the key's .p8 file."""
    territories: tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...] = ()
    """Countries to read, as three capital letters each; empty takes all."""
    api: BaseAddress = "https://api.appstoreconnect.apple.com"
    edits_within: Duration = timedelta(days=2)
    """So long after it was written an edited review is found."""
    per_page: int = Field(default=200, ge=1, le=200)

    @field_validator("private_key")
    @classmethod
    def _is_key(cls, secret: SecretStr) -> SecretStr:
        try:
            jwt.get_algorithm_by_name("ES256").prepare_key(secret.get_secret_value())
        except (ValueError, TypeError, jwt.PyJWTError):
            raise ValueError("expected the content of the .p8 file of an API key") from None
        return secret

    @property
    def address(self) -> str:
        return f"{self.api}/v1/apps/{self.app}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        client = tools.client_for(self)
        api = PlatformApi(client, tools.clock, tools.limits, judge=_judged)
        return AppStoreConnect(self, api)


class _Attributes(msgspec.Struct, frozen=True):
    rating: float | None = None
    title: str | None = None
    body: str | None = None
    reviewerNickname: str | None = None
    createdDate: str | None = None
    territory: str | None = None


class _Review(msgspec.Struct, frozen=True):
    id: str
    attributes: _Attributes


class _Links(msgspec.Struct, frozen=True):
    next: str | None = None


class _Reviews(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    links: _Links = _Links()


class AppStoreConnect:
    """Reads the newest reviews first; each page names the next one's address."""

    def __init__(self, config: Config, api: PlatformApi) -> None:
        self._config = config
        self._api = api
        self._lists = Lists([config.app], config.edits_within)

    async def collect(self, cursor: str | None) -> Page:
        sweep = self._lists.sweep(cursor, self._api.clock())
        try:
            reply = await self._reply(sweep.page)
        except PAGE_UNKNOWN:
            if sweep.page is None:
                raise
            return self._lists.again(sweep)
        reviews = reply.decode(_Reviews)
        posts = [_post(review) for review in decode_each(reviews.data, _Review, PLATFORM)]
        after = reviews.links.next
        return self._lists.page(sweep, posts, after if self._is_ours(after) else None)

    def since(self, start: datetime) -> str:
        return sweep_since(start)

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone: list[Deletion] = []
        for native_id in native_ids:
            try:
                one = f"{self._config.api}/v1/customerReviews/{quote(native_id, safe='')}"
                await self._api.get(one, headers=self._token())
            except Missing:
                gone.append(Deletion(PLATFORM, native_id, self._api.clock()))
        return gone

    async def _reply(self, page: str | None) -> Reply:
        if page is not None and self._is_ours(page):
            return await self._api.get(page, headers=self._token())
        first = f"{self._config.api}/v1/apps/{self._config.app}/customerReviews"
        return await self._api.get(first, self._question(), self._token())

    def _question(self) -> dict[str, str | int]:
        question: dict[str, str | int] = {
            "limit": self._config.per_page,
            "sort": "-createdDate",
        }
        if self._config.territories:
            question["filter[territory]"] = ",".join(self._config.territories)
        return question

    def _is_ours(self, url: str | None) -> bool:
        """The token goes nowhere else."""
        return (
            url is not None
            and url.startswith(f"{self._config.api}/")
            and _PLAIN.fullmatch(url) is not None
        )

    def _token(self) -> Mapping[str, str]:
        issued = int(self._api.clock().timestamp())
        claims = {
            "iss": self._config.issuer,
            "iat": issued,
            "exp": issued + int(_LIFE.total_seconds()),
            "aud": AUDIENCE,
        }
        token = jwt.encode(
            claims,
            self._config.private_key.get_secret_value(),
            algorithm="ES256",
            headers={"kid": self._config.key_id},
        )
        return {"Authorization": f"Bearer {token}"}


def _judged(reply: Reply) -> CollectionFailed | None:
    """A key whose role does not allow it is answered with 403."""
    if reply.status == 403 and not is_html(reply.body):
        return AuthFailed(reply.said())
    return None


def _post(review: _Review) -> Post:
    said = review.attributes
    title = visible_text(said.title or "")
    return Post(
        platform=PLATFORM,
        native_id=review.id,
        kind="review",
        title=title or None,
        text=visible_text(said.body or "") or title,
        author=PostAuthor(name=said.reviewerNickname) if said.reviewerNickname else None,
        published_at=parse_date(said.createdDate),
        rating=of_five(said.rating),
        place=said.territory,
    )
