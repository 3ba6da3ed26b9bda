"""Apple's App Store: the public customer reviews of any app, country by country.

Read from the feed that the store's pages used to name. It needs no account, but Apple supports it
no longer in so many words, shows the newest 500 reviews of each country at most, and at times
answers with nothing. For your own apps `app_store_connect` is the better source.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from libs.common.settings import Duration
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.post import Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.dates import parse_date
from services.ingest.reading.newest_first import PAGE_UNKNOWN, Lists, page_number, sweep_since
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.stars import of_five
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "app_store"


class Config(SourceConfig):
    """Public customer reviews of any app in the App Store, country by country."""

    kind: Literal["app_store"] = "app_store"
    app: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    """The number in the app's address in the store."""
    countries: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z]{2}$")], ...],
        Field(min_length=1, max_length=200),
    ] = ("de",)
    """Storefronts to read, as two small letters each: every country has its own reviews."""
    api: BaseAddress = "https://itunes.apple.com"
    pages: int = Field(default=10, ge=1, le=10)
    """Pages of fifty read of each country at most."""
    edits_within: Duration = timedelta(days=2)
    """So long after it was written an edited review is found."""

    @property
    def address(self) -> str:
        return f"{self.api}/rss/customerreviews/id={self.app}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        return AppStore(self, PlatformApi(tools.client_for(self), tools.clock, tools.limits))


class _Label(msgspec.Struct, frozen=True):
    label: str = ""


_NOTHING: Final = _Label()


class _Author(msgspec.Struct, frozen=True):
    name: _Label = _NOTHING
    uri: _Label = _NOTHING


class _Target(msgspec.Struct, frozen=True):
    href: str = ""


class _Link(msgspec.Struct, frozen=True):
    attributes: _Target = _Target()


class _Entry(msgspec.Struct, frozen=True):
    """A review. The entry without stars is the app itself."""

    id: _Label
    title: _Label = _NOTHING
    content: _Label | list[_Label] = _NOTHING
    rating: _Label | None = msgspec.field(name="im:rating", default=None)
    author: _Author = _Author()
    updated: _Label = _NOTHING
    link: _Link | list[_Link] = _Link()


class _Feed(msgspec.Struct, frozen=True):
    """entry: a list; one object when there is one only; missing when there is none."""

    entry: msgspec.Raw = msgspec.Raw(b"[]")


class _Answer(msgspec.Struct, frozen=True):
    feed: _Feed


class AppStore:
    """Reads one country after the other, the newest reviews first."""

    def __init__(self, config: Config, api: PlatformApi) -> None:
        self._config = config
        self._api = api
        self._lists = Lists(config.countries, config.edits_within)

    async def collect(self, cursor: str | None) -> Page:
        sweep = self._lists.sweep(cursor, self._api.clock())
        country = self._config.countries[sweep.question]
        number = page_number(sweep)
        try:
            reply = await self._api.get(
                f"{self._config.api}/{country}/rss/customerreviews"
                f"/page={number}/id={self._config.app}/sortby=mostrecent/json"
            )
        except PAGE_UNKNOWN:
            if sweep.page is None:
                raise
            return self._lists.again(sweep)
        entries = decode_each(_entries(reply), _Entry, PLATFORM)
        posts = [_post(entry, country) for entry in entries if entry.rating is not None]
        is_last = number >= self._config.pages
        return self._lists.page(
            sweep, posts, None if is_last or not posts else str(number + 1), is_cut=is_last
        )

    def since(self, start: datetime) -> str:
        return sweep_since(start)


def _entries(reply: Reply) -> list[msgspec.Raw]:
    entry = reply.decode(_Answer).feed.entry
    match bytes(entry)[:1]:
        case b"[":
            return msgspec.json.decode(entry, type=list[msgspec.Raw])
        case b"{":
            return [entry]
    return []


def _post(entry: _Entry, country: str) -> Post:
    title = visible_text(entry.title.label)
    content = entry.content if isinstance(entry.content, _Label) else _first(entry.content)
    stars = entry.rating.label if entry.rating else ""
    return Post(
        platform=PLATFORM,
        native_id=entry.id.label,
        kind="review",
        url=_url(entry.link),
        title=title or None,
        text=visible_text(content.label) or title,
        author=_author(entry.author),
        published_at=parse_date(entry.updated.label),
        rating=of_five(float(stars)) if stars in tuple("12345") else None,
        place=country.upper(),
    )


def _first(labels: list[_Label]) -> _Label:
    """Older answers give the text as plain text first, and as HTML after it."""
    return labels[0] if labels else _NOTHING


def _url(link: _Link | list[_Link]) -> str | None:
    links = [link] if isinstance(link, _Link) else link
    hrefs = (each.attributes.href for each in links)
    return next((href for href in hrefs if href.startswith(("https://", "http://"))), None)


def _author(author: _Author) -> PostAuthor | None:
    name, uri = author.name.label, author.uri.label
    if not name and not uri:
        return None
    return PostAuthor(
        id=uri or None, name=name or None, url=uri if uri.startswith("https://") else None
    )
