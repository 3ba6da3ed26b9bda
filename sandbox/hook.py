"""The receiver of pages: a webhook that keeps what it was sent, as a crisis room's screen would."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from libs.common.clock import Clock

Signature: TypeAlias = Literal["valid", "invalid", "unchecked"]

MOST_KEPT: Final = 1000
"""Deliveries remembered; older ones are forgotten."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One POST that arrived. signature: by Standard Webhooks; `unchecked` when the receiver knows
    no secret."""

    at: datetime
    headers: dict[str, str]
    body: str
    signature: Signature


class Hook:
    """Receives deliveries and checks their signatures with the reference library.

    secret: as Standard Webhooks writes it, `whsec_` and base64. on_delivery: told of each one.
    """

    def __init__(
        self,
        clock: Clock,
        secret: str | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._clock = clock
        self._webhook = Webhook(secret) if secret else None
        self._on_delivery = on_delivery
        self._deliveries: deque[Delivery] = deque(maxlen=MOST_KEPT)

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """In the order of their arrival."""
        return tuple(self._deliveries)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        delivery = Delivery(
            at=self._clock(),
            headers=dict(headers),
            body=body.decode("utf-8", errors="replace"),
            signature=self._check(headers, body),
        )
        self._deliveries.append(delivery)
        if self._on_delivery is not None:
            self._on_delivery(delivery)
        return delivery

    def clear(self) -> None:
        self._deliveries.clear()

    def _check(self, headers: Mapping[str, str], body: bytes) -> Signature:
        if self._webhook is None:
            return "unchecked"
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return "invalid"
        return "valid"
