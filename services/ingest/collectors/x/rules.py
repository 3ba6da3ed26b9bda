"""The rules of the filtered stream: they stay with the app when nobody listens, so they are
compared with what is wanted rather than added again.

https://docs.x.com/x-api/posts/filtered-stream/integrate/build-a-rule
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
import structlog

from services.ingest.collectors.x.access import Access
from services.ingest.collectors.x.posts import PLATFORM
from services.ingest.collectors.x.refusals import problems_in, words_of
from services.ingest.failure import Rejected
from services.ingest.reading.platform_api import decode_each

logger = structlog.get_logger(__name__)
_PATH: Final = "/search/stream/rules"
_PER_PAGE: Final = 1000
_MOST_PAGES: Final = 50


class Rule(msgspec.Struct, frozen=True):
    """A rule as X keeps it. Value and tag never change: another value is another rule."""

    id: str
    value: str
    tag: str | None = None


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None


class _Rules(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw] | None = None
    meta: _Meta | None = None


def differences(
    present: Collection[Rule], wanted: Sequence[str], tag: str
) -> tuple[list[str], list[str]]:
    """The ids of our rules that are stale, and the values that are missing. Rules with another tag
    are not ours, and stay."""
    ours = [rule for rule in present if rule.tag == tag]
    there = {rule.value for rule in ours}
    stale = [rule.id for rule in ours if rule.value not in wanted]
    return stale, [value for value in wanted if value not in there]


async def reconcile(access: Access, wanted: Sequence[str], tag: str) -> None:
    """Makes our rules the wanted ones. Raises CollectionFailed."""
    stale, missing = differences(await _present(access), wanted, tag)
    if stale:
        await access.api.post(access.url(_PATH), json={"delete": {"ids": stale}})
    if missing:
        await _add(access, missing, tag)
    if stale or missing:
        logger.info("stream rules changed", tag=tag, deleted=len(stale), added=len(missing))


async def _present(access: Access) -> list[Rule]:
    rules: list[Rule] = []
    asked: dict[str, str | int] = {"max_results": _PER_PAGE}
    for _ in range(_MOST_PAGES):
        reply = await access.api.get(access.url(_PATH), asked)
        answer = reply.decode(_Rules)
        rules += decode_each(answer.data or (), Rule, PLATFORM)
        if answer.meta is None or not answer.meta.next_token:
            break
        asked["pagination_token"] = answer.meta.next_token
    return rules


async def _add(access: Access, values: Sequence[str], tag: str) -> None:
    """A rule that exists already under another tag does as well: its posts come either way."""
    added = {"add": [{"value": value, "tag": tag} for value in values]}
    reply = await access.api.post(access.url(_PATH), json=added)
    refused = [p for p in problems_in(reply.body) if p.name != "duplicate-rules"]
    if refused:
        raise Rejected(f"a rule of the stream is refused: {words_of(refused)}")
