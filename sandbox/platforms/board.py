"""What stands on a platform: the one model behind the stand-ins that speak the platforms' formats.

A test writes, edits and deletes posts here; a stand-in shows them in its platform's own dress.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from libs.common.clock import Clock

FIRST_NUMBER: Final = 1001


@dataclass(frozen=True, slots=True)
class Written:
    """One post on the board.

    number: counts up in the order of writing; stand-ins make their platform's ids of it.
    author: None where the account is gone. rating: in stars of five. answers: the number of the
    post it replies to. deleted_at: it is no longer shown, except where its platform shows a grave.
    """

    number: int
    text: str
    written_at: datetime
    title: str | None = None
    author: str | None = "ann"
    lang: str | None = "de"
    rating: int | None = None
    answers: int | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(slots=True)
class Board:
    """The posts of a platform and the mood its server is in.

    page_size: posts on one page, as far as the platform lets a client have so many. refuses: the
    credentials that were good are not any more. limited_until: until then every request is
    answered as the platform answers too many of them, with the wait in its own form.
    """

    clock: Clock
    page_size: int = 10
    refuses: bool = False
    limited_until: datetime | None = None
    _posts: dict[int, Written] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(FIRST_NUMBER))

    def write(
        self,
        text: str,
        *,
        title: str | None = None,
        author: str | None = "ann",
        lang: str | None = "de",
        rating: int | None = None,
        answers: int | None = None,
        at: datetime | None = None,
    ) -> Written:
        """A new post, from now or from the given time."""
        written = Written(
            number=next(self._numbers),
            text=text,
            written_at=at or self.clock(),
            title=title,
            author=author,
            lang=lang,
            rating=rating,
            answers=answers,
        )
        self._posts[written.number] = written
        return written

    def edit(self, number: int, text: str) -> Written:
        """Its author changes the text, now."""
        edited = replace(self._posts[number], text=text, edited_at=self.clock())
        self._posts[number] = edited
        return edited

    def delete(self, number: int) -> None:
        """Its author takes it away, now."""
        self._posts[number] = replace(self._posts[number], deleted_at=self.clock())

    def limit(self, seconds: float) -> datetime:
        """Too many requests were made: for so many seconds there are no answers. Gives the end."""
        self.limited_until = self.clock() + timedelta(seconds=seconds)
        return self.limited_until

    @property
    def wait(self) -> timedelta | None:
        """How long requests are still refused for their number; None when they are not."""
        if self.limited_until is None or self.limited_until <= self.clock():
            return None
        return self.limited_until - self.clock()

    def __getitem__(self, number: int) -> Written:
        return self._posts[number]

    def everything(self) -> list[Written]:
        """Deleted posts too, in the order of writing."""
        return list(self._posts.values())

    def shown(self) -> list[Written]:
        """What is not deleted, the newest first."""
        standing = [post for post in self._posts.values() if post.deleted_at is None]
        return sorted(standing, key=lambda post: (post.written_at, post.number), reverse=True)
