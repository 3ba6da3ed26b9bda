"""LinkedIn: comments, shares and mentions of one's own organisation page, delivered.

https://learn.microsoft.com/linkedin/marketing/community-management/organizations
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from services.ingest.collector import SourceConfig, Tools
from services.ingest.hook import (
    Answer,
    Call,
    Change,
    Delivery,
    Denied,
    SigningSecret,
    Skipped,
    decoded,
    same,
    signature,
)
from services.ingest.post import Deletion, Post, PostAuthor
from services.ingest.reading.platform_api import decode_each
from services.ingest.reading.wire import LATEST, time_at

PLATFORM: Final = "linkedin"
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
"""What LinkedIn sends as a challenge. What is signed of a delivery does not look like this: else
whoever asks for a handshake would have us sign a delivery of theirs."""
_SIGNED: Final = b"hmacsha256="
"""Stands before the body in what is signed."""
_WRITTEN: Final = frozenset(("COMMENT", "COMMENT_EDIT", "SHARE", "SHARE_MENTION", "ADMIN_COMMENT"))
_SITE: Final = "https://www.linkedin.com/feed/update/"
_COMMENT: Final = re.compile(r"urn:li:comment:\((?:urn:li:)?(\w+:\d+),(\d+)\)")


class Config(SourceConfig):
    """What is said on one's own LinkedIn page, and of it, delivered by LinkedIn."""

    kind: Literal["linkedin"] = "linkedin"
    client_secret: SigningSecret
    """Of the app at LinkedIn; challenges and deliveries are signed with it."""
    own_posts: bool = False
    """Whether what the page itself writes is collected too."""

    @property
    def address(self) -> str:
        return f"/v1/hooks/{self.id}"

    @property
    def host(self) -> str:
        return "www.linkedin.com"

    def build(self, tools: Tools) -> LinkedInHook:
        return LinkedInHook(self)


class _Body(msgspec.Struct, frozen=True):
    notifications: list[msgspec.Raw] = []


class _Said(msgspec.Struct, frozen=True):
    entity: str = ""
    owner: str | None = None
    text: str | None = None


class _Activity(msgspec.Struct, frozen=True):
    comment: _Said | None = None
    share: _Said | None = None


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    """generated_activity: the comment or share, as an id. decorated_generated_activity: what it
    says, where LinkedIn tells."""

    action: str
    organizational_entity: str = ""
    source_post: str | None = None
    generated_activity: str | None = None
    decorated_generated_activity: _Activity | None = None
    last_modified_at: Annotated[float, msgspec.Meta(ge=0, le=LATEST * 1000)] | None = None


class LinkedInHook:
    """Answers challenges and takes notifications that say something."""

    def __init__(self, config: Config) -> None:
        self._secret = config.client_secret.get_secret_value()
        self._own_posts = config.own_posts

    async def handshake(self, call: Call) -> Answer:
        code = call.query.get("challengeCode", "")
        if not _CODE.fullmatch(code):
            raise Denied("token", "expected a challengeCode", 400)
        response = signature(self._secret, code.encode()).hex()
        body = msgspec.json.encode({"challengeCode": code, "challengeResponse": response})
        return Answer(body=body, content_type="application/json")

    async def receive(self, call: Call) -> Delivery:
        expected = signature(self._secret, _SIGNED + call.body).hex()
        given = call.headers.get("x-li-signature", "")
        if not same(expected, given.removeprefix("hmacsha256=")):
            raise Denied("signature", "X-LI-Signature is not that of the body", 401)
        body = decoded(call.body, _Body)
        notifications = decode_each(body.notifications, _Notification, PLATFORM)
        found = [_found(each, call.at, own_posts=self._own_posts) for each in notifications]
        return Delivery(
            changes=tuple(each for each in found if isinstance(each, Change)),
            skipped=tuple(each for each in found if not isinstance(each, Change)),
        )


def _found(told: _Notification, now: datetime, *, own_posts: bool) -> Change | Skipped:
    at = min((time_at(told.last_modified_at / 1000) if told.last_modified_at else None) or now, now)
    activity = told.decorated_generated_activity or _Activity()
    said = activity.comment or activity.share or _Said()
    native_id = _identity(told.generated_activity or said.entity)
    if native_id is None:
        return "no post"
    if told.action == "COMMENT_DELETE":
        return Change(Deletion(PLATFORM, native_id, at), at)
    if told.action not in _WRITTEN:
        return "no post"
    if not own_posts and (
        said.owner == told.organizational_entity or told.action == "ADMIN_COMMENT"
    ):
        return "own"
    if not said.text:
        return "no text"
    is_comment = told.action.startswith(("COMMENT", "ADMIN"))
    post = Post(
        platform=PLATFORM,
        native_id=native_id,
        kind="comment" if is_comment else "post",
        url=_SITE + (told.source_post if is_comment and told.source_post else native_id),
        text=said.text,
        author=PostAuthor(id=said.owner) if said.owner else None,
        published_at=at,
        edited_at=at if told.action == "COMMENT_EDIT" else None,
        thread=told.source_post if is_comment else None,
        in_reply_to=told.source_post if is_comment else None,
    )
    return Change(post, at)


def _identity(urn: str) -> str | None:
    """The id in one form: LinkedIn writes that of a comment with and without `urn:li:` inside."""
    found = _COMMENT.fullmatch(urn)
    return f"urn:li:comment:({found[1]},{found[2]})" if found else urn or None
