"""The control term of a source: a word that is known to occur there.

When posts come but the word does not, what is read is not what people see: a search that lost its
words, a forum behind a login, another site under the same address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.common.events import Mention
from libs.common.query import matches, parse
from services.ingest.health.silence import HOUR, Silence, span
from services.ingest.post import Post

ENOUGH_GAPS: Final = 5
"""So many times the word has to come back before its gaps say what is usual."""
LONGER: Final = 2
"""So many times its longest gap, and the word counts as missing."""
SHORTEST: Final = timedelta(hours=6)
NEVER: Final = timedelta(days=7)
"""A word not seen in so long an observation has never been known to occur."""
_ANY_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Control:
    """Looks for a control term in posts, folded as the query language does."""

    def __init__(self, term: str) -> None:
        self.term = term
        words = " ".join(term.replace('"', " ").split())
        self._query = parse(f'"{words}"').query

    def is_in(self, posts: Iterable[Post]) -> bool:
        return any(matches(self._query, _readable(post)) for post in posts)


def missing(
    term: str,
    hours: Sequence[tuple[datetime, float, bool]],
    quiet_after: timedelta | None,
    now: datetime,
) -> Silence | None:
    """Whether the term was not seen for longer than is usual for it, or than `quiet_after`.

    hours: of the source, in order: its beginning, the share of it that was observed, whether the
    term was seen in it. Only observed time counts.
    """
    current = timedelta()
    longest = timedelta()
    gaps = 0
    seen_at: datetime | None = None
    for start, observed, is_seen in hours:
        current += observed * HOUR
        if is_seen:
            if seen_at is not None:
                longest = max(longest, current)
                gaps += 1
            current, seen_at = timedelta(), start
    usual = f"; usually at least every {span(max(longest, HOUR))}" if gaps else ""
    if quiet_after is not None:
        limit: timedelta | None = quiet_after
    elif seen_at is None:
        limit = NEVER
    else:
        limit = max(SHORTEST, LONGER * longest) if gaps >= ENOUGH_GAPS else None
    if limit is None or current <= limit:
        return None
    if seen_at is None:
        begun = hours[0][0] if hours else now
        return Silence(f'the control term "{term}" was never seen in {span(current)}', begun)
    reason = f'the control term "{term}" was not seen for {span(current)}{usual}'
    return Silence(reason, min(seen_at + HOUR, now))


def _readable(post: Post) -> Mention:
    """The post as queries read it."""
    return Mention(
        id="",
        watch="",
        source="",
        platform=post.platform,
        native_id=post.native_id,
        kind=post.kind,
        title=post.title,
        text=post.text,
        published_at=post.published_at or _ANY_TIME,
        collected_at=_ANY_TIME,
    )
