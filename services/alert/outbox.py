"""The outbox: pages as rows, written with the events that cause them, claimed one by one.

A claim is a lease: the page is due again when the lease ends. So a sender that dies loses nothing,
and two senders never hold the same page at once. A time further ahead than any lease or pause was
written before the clock was set back, and counts as over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alert.page import Page
from services.alert.tables import pages

log = structlog.get_logger(__name__)

LONGEST_LEASE: Final = timedelta(minutes=2)
"""More than any channel needs, so that the clocks of two copies may differ by a minute."""
PageState: TypeAlias = Literal["pending", "delivered", "failed"]


class Claim(NamedTuple):
    """A page that this sender may send until the lease ends. attempts: this one included."""

    page: Page
    lease: str
    attempts: int
    created_at: datetime


class Waiting(NamedTuple):
    """What has not been delivered yet; `oldest` is when the longest-waiting page was made."""

    pages: int
    oldest: datetime | None


async def put(connection: AsyncConnection, new: Sequence[Page], now: datetime) -> None:
    """Pages to be sent as soon as possible."""
    if not new:
        return
    await connection.execute(
        insert(pages),
        [
            {
                "page": page.key,
                "incident": page.alarm.incident,
                "cause": page.alarm.cause,
                "recipient": page.to,
                "channel": page.channel,
                "state": "pending",
                "payload": msgspec.json.encode(page).decode(),
                "created_at": now,
                "due_at": now,
                "attempts": 0,
            }
            for page in new
        ],
    )


async def claim(
    connection: AsyncConnection,
    channel: str,
    *,
    lease: str,
    until: datetime,
    now: datetime,
    longest_pause: timedelta,
    limit: int,
) -> list[Claim]:
    """Up to `limit` due pages of the channel, those waiting longest first.

    A page that cannot be read keeps waiting, where everybody sees it, for a version that can.
    """
    is_due = _is_due(now, longest_pause)
    due = (
        select(pages.c.page)
        .where(pages.c.state == "pending", pages.c.channel == channel, is_due)
        .order_by(pages.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await connection.execute(
        update(pages)
        .where(pages.c.page.in_(due), pages.c.state == "pending", is_due)
        .values(attempts=pages.c.attempts + 1, lease=lease, due_at=until)
        .returning(pages.c.page, pages.c.payload, pages.c.attempts, pages.c.created_at)
    )
    claims = []
    for key, payload, attempts, created_at in rows:
        try:
            page = _PAGE.decode(payload)
        except msgspec.MsgspecError:
            log.exception("a page cannot be read", channel=channel, page=key)
            continue
        claims.append(Claim(page, lease, attempts, created_at))
    return claims


def _is_due(now: datetime, longest_pause: timedelta) -> ColumnElement[bool]:
    held = pages.c.lease.is_not(None)
    return or_(
        pages.c.due_at <= now,
        pages.c.attempts == 0,
        and_(held, pages.c.due_at > now + LONGEST_LEASE),
        and_(~held, pages.c.due_at > now + longest_pause),
    )


async def finish(
    connection: AsyncConnection,
    claimed: Claim,
    state: Literal["delivered", "failed"],
    reason: str | None,
    now: datetime,
) -> bool:
    """Ends a page and drops what it said; False if the lease was lost meanwhile."""
    written = await connection.execute(
        update(pages)
        .where(pages.c.page == claimed.page.key, pages.c.lease == claimed.lease)
        .where(pages.c.state == "pending")
        .values(state=state, payload=None, lease=None, ended_at=now, reason=reason)
    )
    return written.rowcount == 1


async def postpone(
    connection: AsyncConnection, claimed: Claim, pause: timedelta, reason: str, now: datetime
) -> None:
    """Gives the claim back; the page is due again after the pause."""
    await connection.execute(
        update(pages)
        .where(pages.c.page == claimed.page.key, pages.c.lease == claimed.lease)
        .values(lease=None, due_at=now + pause, reason=reason)
    )


async def forget(
    connection: AsyncConnection, incidents: Collection[str], mentions: Collection[str]
) -> None:
    """Takes the texts of these mentions out of the incidents' pages that still wait."""
    rows = await connection.execute(
        select(pages.c.page, pages.c.payload).where(
            pages.c.incident.in_(incidents), pages.c.payload.is_not(None)
        )
    )
    for key, payload in rows.all():
        page = _PAGE.decode(payload)
        quote = page.alarm.quote
        if quote is not None and quote.mention in mentions:
            alarm = replace(page.alarm, quote=replace(quote, text=None, words=()))
            await connection.execute(
                update(pages)
                .where(pages.c.page == key)
                .values(payload=msgspec.json.encode(replace(page, alarm=alarm)).decode())
            )


async def waiting(connection: AsyncConnection) -> Waiting:
    """How much is undelivered."""
    row = await connection.execute(
        select(func.count(), func.min(pages.c.created_at)).where(pages.c.state == "pending")
    )
    return Waiting(*row.one())


async def failed_since(connection: AsyncConnection, since: datetime) -> int:
    """How many pages have failed for good after that time."""
    count = await connection.scalar(
        select(func.count()).where(pages.c.state == "failed", pages.c.ended_at > since)
    )
    return count or 0


async def channels_in_use(connection: AsyncConnection) -> set[str]:
    """Channels that pages are waiting for, whether they are configured or not."""
    rows = await connection.scalars(
        select(pages.c.channel).where(pages.c.state == "pending").distinct()
    )
    return set(rows)


class Sent(NamedTuple):
    """A page as the API shows it."""

    id: str
    cause: str
    to: str
    channel: str
    state: PageState
    created_at: datetime
    attempts: int
    ended_at: datetime | None
    reason: str | None


async def sent(connection: AsyncConnection, incident: str) -> list[Sent]:
    """All pages of an incident, the oldest first."""
    rows = await connection.execute(
        select(
            pages.c.page,
            pages.c.cause,
            pages.c.recipient,
            pages.c.channel,
            pages.c.state,
            pages.c.created_at,
            pages.c.attempts,
            pages.c.ended_at,
            pages.c.reason,
        )
        .where(pages.c.incident == incident)
        .order_by(pages.c.created_at, pages.c.page)
    )
    return [Sent(*row) for row in rows]


_PAGE: Final = msgspec.json.Decoder(Page)
