"""LinkedIn, as it notifies of what happens on an organisation's page.

https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from sandbox.platforms.delivering import Happened, hmac_sha256, in_batches

BATCH: Final = 10
ORGANISATION: Final = "urn:li:organization:2414183"
_POST: Final = "urn:li:activity:7000000000000000001"
_ACTIONS: Final = {"written": "COMMENT", "edited": "COMMENT_EDIT", "deleted": "COMMENT_DELETE"}


class LinkedInPage:
    """Notifies of comments on the page's posts, at most ten in a request."""

    def __init__(self, client_secret: str) -> None:
        self._secret = client_secret
        self._code = ""

    def greeting(self) -> Mapping[str, str]:
        self._code = str(uuid.uuid4())
        return {"challengeCode": self._code}

    def accepts(self, answer: bytes) -> bool:
        response = hmac_sha256(self._secret, self._code.encode()).hex()
        expected = {"challengeCode": self._code, "challengeResponse": response}
        return bool(json.loads(answer) == expected)

    def bodies(self, happened: Sequence[Happened]) -> list[bytes]:
        return [self.body(list(map(_notification, batch))) for batch in in_batches(happened, BATCH)]

    def body(self, notifications: Sequence[Mapping[str, object]]) -> bytes:
        content = {
            "type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS",
            "notifications": notifications,
        }
        return json.dumps(content, ensure_ascii=False).encode()

    def signed(self, body: bytes) -> Mapping[str, str]:
        signature = hmac_sha256(self._secret, b"hmacsha256=" + body).hex()
        return {"Content-Type": "application/json", "X-LI-Signature": signature}


def _notification(happened: Happened) -> dict[str, object]:
    post = happened.post
    milliseconds = int(happened.at.timestamp() * 1000)
    told: dict[str, object] = {
        "notificationId": milliseconds + post.number,
        "organizationalEntity": ORGANISATION,
        "action": _ACTIONS[happened.what],
        "sourcePost": _POST,
        "generatedActivity": f"urn:li:comment:({_POST.removeprefix('urn:li:')},{post.number})",
        "lastModifiedAt": milliseconds,
        "subscriber": "urn:li:person:abc",
    }
    if happened.what != "deleted":
        comment: dict[str, object] = {
            "entity": f"urn:li:comment:({_POST},{post.number})",
            "object": _POST,
            "text": post.text,
        }
        if post.author is not None:
            comment["owner"] = f"urn:li:person:{post.author}"
        told["decoratedGeneratedActivity"] = {"comment": comment}
    return told
