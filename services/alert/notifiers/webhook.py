"""Pages as signed webhooks, after the Standard Webhooks specification.

`webhook-id` is the page's key, so that the receiver can tell a repeat; the signature covers id,
time of the attempt and body. Only 2xx counts as delivered.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import httpx
import msgspec
from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook

from libs.common.clock import Clock
from libs.common.errors import AddressRefused, Retryable
from libs.common.http import open_client
from libs.common.retry import retry_after
from libs.common.settings import Duration, Identifier, Strict
from services.alert.letter import as_plain, shortened, write
from services.alert.notifier import Delivered, Notifier, Refused, Surroundings
from services.alert.page import Alarm, Page, Words
from services.alert.texts import level_name

BODY_LIMIT: Final = 20_000
"""Bytes; the specification asks senders to stay below 20 KB."""
USER_AGENT: Final = "Brandmelder (Standard Webhooks)"
_COME_BACK: Final = frozenset({408, 409, 421, 423, 425, 429})
_MOVED: Final = frozenset({301, 308})
_TYPES: Final = {
    "opened": "incident.opened",
    "worsened": "incident.worsened",
    "hint": "incident.hint_received",
    "acknowledged": "incident.acknowledged",
    "resolved": "incident.resolved",
}


def _signing_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("expected whsec_ and 24 to 64 random bytes in base64")
    return secret


def _web_address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("expected an address that begins with https:// or http://") from error
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise ValueError("expected an address that begins with https:// or http://")
    return url


class Config(Strict):
    """Where to send, and the secret that the receiver verifies with.

    allow_private: the receiver may stand in a private network or on this machine.
    timeout: how long one attempt may take.
    """

    id: Identifier
    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_web_address)]
    secret: Annotated[SecretStr, AfterValidator(_signing_secret)]
    allow_private: bool = False
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=30))] = timedelta(
        seconds=20
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        return ("",)

    @property
    def limit(self) -> timedelta:
        return self.timeout

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Notifier]:
        client = open_client(
            user_agent=USER_AGENT,
            allow_private=self.allow_private,
            timeout=self.timeout.total_seconds(),
        )
        async with client:
            yield WebhookNotifier(
                client,
                url=self.url,
                webhook=Webhook(self.secret.get_secret_value()),
                zone=surroundings.zone,
                clock=surroundings.clock,
            )


class WebhookNotifier:
    """Posts the page. The answer's body is not read: the status says it all."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        url: str,
        webhook: Webhook,
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        self._client = client
        self._url = url
        self._webhook = webhook
        self._zone = zone
        self._clock = clock

    async def send(self, page: Page) -> Delivered:
        now = self._clock().astimezone(UTC)
        content = body(page.alarm, self._zone)
        headers = {
            "content-type": "application/json",
            "webhook-id": page.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(page.key, now, content.decode()),
        }
        try:
            async with self._client.stream(
                "POST", self._url, content=content, headers=headers
            ) as answer:
                return judge(answer.status_code, answer.headers, now)
        except AddressRefused as error:
            raise Refused(f"{error}; set allow_private on the channel if that is meant") from error
        except httpx.HTTPError as error:
            raise Retryable(f"{type(error).__name__}: {error}") from error


def judge(status: int, headers: httpx.Headers, now: datetime) -> Delivered:
    """What an answer means. Raises Retryable, not before the time the receiver named, or Refused
    where repeating cannot help: it is gone (410), has moved for good, or does not accept this."""
    if 200 <= status < 300:
        return Delivered()
    if status == 410:
        raise Refused("410: the receiver is gone and wants no more")
    if status in _MOVED:
        raise Refused(f"{status}: the receiver has moved; configure its new address")
    if 400 <= status < 500 and status not in _COME_BACK:
        raise Refused(f"{status}: the receiver does not accept the page")
    raise Retryable(
        f"the receiver answered {status}",
        retry_after=retry_after(headers.get("retry-after"), now),
    )


def body(alarm: Alarm, zone: ZoneInfo) -> bytes:
    """The JSON body, always below 20 KB: texts are dropped or cut when it would not fit."""
    data = _data(alarm)
    letters = {language: write(alarm, language, zone) for language in ("de", "en")}
    data["subject"] = {language: letter.subject for language, letter in letters.items()}
    data["text"] = {language: as_plain(letter) for language, letter in letters.items()}
    content = _encoded(alarm, data)
    if len(content) >= BODY_LIMIT:
        del data["text"]
        content = _encoded(alarm, data)
    if len(content) >= BODY_LIMIT:
        data["steps"] = []
        data["evidence"] = None
        content = _encoded(alarm, data)
    return content


def _encoded(alarm: Alarm, data: dict[str, object]) -> bytes:
    return msgspec.json.encode(
        {"type": _TYPES[alarm.cause], "timestamp": alarm.at.isoformat(), "data": data}
    )


def _data(alarm: Alarm) -> dict[str, object]:
    return {
        "id": alarm.incident,
        "watch": alarm.watch,
        "theme": alarm.theme,
        "title": _both(alarm.title),
        "level": alarm.level,
        "level_name": _both(level_name(alarm.level)),
        "state": alarm.state,
        "why": shortened(alarm.why, 500),
        "opened_at": alarm.opened_at.isoformat(),
        "since": alarm.since.isoformat(),
        "mentions": alarm.mentions,
        "voices": alarm.voices,
        "sources": list(alarm.sources),
        "acknowledged_by": alarm.acknowledged_by,
        "assigned_to": alarm.assigned_to,
        "by": alarm.by,
        "resolution": shortened(alarm.resolution, 500) if alarm.resolution else None,
        "evidence": _evidence(alarm),
        "steps": [
            {
                "id": step.id,
                "text": _both(step.text),
                "owner": _both(step.owner),
                "due_at": step.due_at.isoformat(),
            }
            for step in alarm.steps
        ],
        "url": alarm.url,
    }


def _evidence(alarm: Alarm) -> dict[str, object] | None:
    quote = alarm.quote
    if quote is None:
        return None
    return {
        "id": quote.mention,
        "text": quote.text,
        "url": quote.url,
        "source": quote.source,
        "platform": quote.platform,
        "published_at": quote.published_at.isoformat(),
        "label": quote.label,
        "severity": quote.severity,
        "reasons": list(quote.words),
        "followers": quote.followers,
        "edited_at": quote.edited_at.isoformat() if quote.edited_at else None,
        "health": quote.report.health if quote.report else None,
    }


def _both(words: Words) -> dict[str, str]:
    return {"de": words.de, "en": words.en}
