"""From posts to mentions: one for every watch a post matches, with its author pseudonymised."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from libs.common.events import Author, Mention, mention_id
from libs.common.query import Matcher, parse
from libs.common.settings import Watch
from services.ingest.post import Post, PostAuthor


class Pseudonyms:
    """Gives authors their key: HMAC-SHA-256 over platform and account, the first 128 bits.

    key: secret of this installation; without it the keys say nothing about anyone.
    is_open: whether the name, handle and address of an author are kept beside the key.
    """

    def __init__(self, key: bytes, *, is_open: bool = False) -> None:
        # Copied per author: setting the key up takes longer than the rest.
        self._keyed = hmac.new(key, digestmod="sha256")
        self._is_open = is_open

    def author(self, platform: str, author: PostAuthor) -> Author | None:
        """The author as mentions show them; None when the platform names nobody."""
        account = author.id or author.handle or author.name or author.url
        if not account:
            return None
        identity = f"{platform}\x1f{account.casefold()}".encode()
        keyed = self._keyed.copy()
        keyed.update(identity)
        key = keyed.digest()[:16].hex()
        if not self._is_open:
            return Author(key=key, followers=author.followers)
        return Author(
            key=key,
            handle=author.handle,
            name=author.name,
            url=author.url,
            followers=author.followers,
        )


class Watches:
    """All watches at once: which of them a post belongs to."""

    def __init__(self, watches: Sequence[Watch], pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._languages = {watch.id: frozenset(watch.languages) for watch in watches}
        self._wanted = Matcher({w.id: parse(w.query).query for w in watches})
        self._unwanted = Matcher({w.id: parse(w.not_).query for w in watches if w.not_ is not None})
        self.ids = frozenset(self._languages)

    def mentions(self, post: Post, source: str, now: datetime) -> list[Mention]:
        """The post once for every watch it matches; `now` is when it was collected."""
        seen = self._as_seen(post, source, now)
        watches = self._wanting(seen)
        return self._for(watches, seen, post) if watches else []

    def matched(self, post: Post, source: str, now: datetime) -> list[str]:
        """The watches that want the post."""
        return self._wanting(self._as_seen(post, source, now))

    def assigned(
        self, post: Post, source: str, watches: Iterable[str], now: datetime
    ) -> list[Mention]:
        """The post for these watches, whatever their queries say."""
        return self._for(watches, self._as_seen(post, source, now), post)

    def _wanting(self, seen: Mention) -> list[str]:
        matched = self._wanted.match(seen)
        if not matched:
            return matched
        unwanted = set(self._unwanted.match(seen))
        language = seen.lang[:2].lower() if seen.lang else None
        return [
            watch for watch in matched if watch not in unwanted and self._speaks(watch, language)
        ]

    def _speaks(self, watch: str, language: str | None) -> bool:
        languages = self._languages[watch]
        return not languages or language is None or language in languages

    def _as_seen(self, post: Post, source: str, now: datetime) -> Mention:
        """The post as the platform shows it: watches may ask for the author by name."""
        author = post.author
        return Mention(
            id="",
            watch="",
            source=source,
            platform=post.platform,
            native_id=post.native_id,
            kind=post.kind,
            url=post.url,
            title=post.title,
            text=post.text,
            lang=post.lang,
            author=Author(
                key="",
                handle=author.handle,
                name=author.name,
                url=author.url,
                followers=author.followers,
            )
            if author is not None
            else None,
            published_at=post.published_at or now,
            edited_at=post.edited_at,
            collected_at=now,
            thread=post.thread,
            in_reply_to=post.in_reply_to,
            rating=post.rating,
            engagement=post.engagement,
            place=post.place,
            backfill=post.backfill,
        )

    def _for(self, watches: Iterable[str], seen: Mention, post: Post) -> list[Mention]:
        author = self._pseudonyms.author(post.platform, post.author) if post.author else None
        return [
            msgspec.structs.replace(
                seen,
                id=mention_id(post.platform, post.native_id, watch),
                watch=watch,
                author=author,
            )
            for watch in watches
        ]
