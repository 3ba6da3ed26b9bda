"""Builders with defaults for the classify tests."""

from __future__ import annotations

from datetime import UTC, datetime

from libs.common.events import Author, Kind, Mention, MentionDeleted, Rating, mention_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_mention(
    text: str = "Die Bremse quietscht",
    *,
    native_id: str = "1",
    watch: str = "motorrad-ag",
    title: str | None = None,
    lang: str | None = None,
    kind: Kind = "post",
    rating: Rating | None = None,
    followers: int | None = None,
) -> Mention:
    return Mention(
        id=mention_id("forum", native_id, watch),
        watch=watch,
        source="bikeforum",
        platform="forum",
        native_id=native_id,
        kind=kind,
        title=title,
        text=text,
        lang=lang,
        author=Author(key="a1", followers=followers),
        published_at=NOON,
        collected_at=NOON,
        rating=rating,
    )


def a_deletion(*, native_id: str = "1", watch: str = "motorrad-ag") -> MentionDeleted:
    return MentionDeleted(
        id=mention_id("forum", native_id, watch),
        watch=watch,
        source="bikeforum",
        platform="forum",
        native_id=native_id,
        deleted_at=NOON,
    )
