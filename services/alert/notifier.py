"""The seam to what carries pages to people: one method, everything else lives around it."""

from __future__ import annotations

from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from libs.common.clock import Clock
from libs.common.errors import BrandmelderError
from services.alert.page import Page


class Delivered(NamedTuple):
    """The other side has taken the page; `reference` is what it called it, if it said."""

    reference: str = ""


class Refused(BrandmelderError):
    """The other side will not take this page however often it is sent."""


class Surroundings(NamedTuple):
    """What a notifier may need of the house it is built in."""

    company: str
    zone: ZoneInfo
    clock: Clock


class Notifier(Protocol):
    """Sends a page. The same page may come more than once, after a crash or a lost answer; it
    then carries the same key, by which the other side can tell."""

    async def send(self, page: Page) -> Delivered:
        """Returns when the other side has taken the page.

        Raises Retryable when trying again may help, Refused when it never will. Is cancelled
        when it takes longer than its channel's limit.
        """
        ...
