"""Hints: what a person tells the team because it may burn.

There is no such thing as too many hints: each is a mention of its own, none is compared with
another, and whoever gave it gets an answer.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from libs.common.events import Author, Mention
from libs.common.settings import Language
from services.ingest.match import Watches
from services.ingest.post import Post

HINT: Final = "hint"
_THANKS: Final = {
    "de": "Danke für den Hinweis! Er ist angekommen und wird der Bereitschaft jetzt gezeigt. "
    "Kennzeichen: {reference}",
    "en": "Thank you for the hint! It has arrived and is being shown to the team on call. "
    "Reference: {reference}",
}


class Reporter(msgspec.Struct, frozen=True):
    """Who gives the hint, as far as they want to be asked back."""

    name: Annotated[str, Meta(max_length=200)] | None = None
    contact: Annotated[str, Meta(max_length=500)] | None = None
    """An address, a telephone number, whatever leads back to them."""


class Hint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody noticed: in words, by an address, or both."""

    text: Annotated[str, Meta(max_length=20_000)] = ""
    url: Annotated[str, Meta(max_length=2_000, pattern=r"^(https?://\S+)?$")] = ""
    reporter: Reporter | None = None
    watch: Annotated[str, Meta(max_length=100)] | None = None


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a reporter."""

    id: str
    watches: tuple[str, ...]
    message: str


def hint_id(idempotency_key: str | None) -> str:
    """A new id; for the same key the same, so that a client may safely send again."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.blake2b(idempotency_key.encode(), digest_size=16).hexdigest()


def mentions_of(hint: Hint, identity: str, watches: Watches, now: datetime) -> list[Mention]:
    """The hint for the watch it names, else for those it matches, else for all of them."""
    post = Post(
        platform=HINT,
        native_id=identity,
        kind="hint",
        url=hint.url or None,
        text=hint.text.strip() or hint.url,
        published_at=now,
    )
    if hint.watch is not None:
        chosen = [hint.watch]
    else:
        matched = [mention.watch for mention in watches.mentions(post, HINT, now)]
        chosen = matched or sorted(watches.ids)
    mentions = watches.assigned(post, HINT, chosen, now)
    reporter = _reporter(hint.reporter)
    return [msgspec.structs.replace(mention, author=reporter) for mention in mentions]


def receipt(identity: str, mentions: list[Mention], language: Language) -> Receipt:
    return Receipt(
        id=identity,
        watches=tuple(mention.watch for mention in mentions),
        message=_THANKS[language].format(reference=identity[:8]),
    )


def _reporter(reporter: Reporter | None) -> Author | None:
    """Kept by name whatever the privacy settings say about authors: they want to be asked back."""
    if reporter is None or not (reporter.contact or reporter.name):
        return None
    identity = (reporter.contact or reporter.name or "").casefold().encode()
    key = hashlib.blake2b(identity, digest_size=16, person=b"hint").hexdigest()
    return Author(key=key, handle=reporter.contact, name=reporter.name)
