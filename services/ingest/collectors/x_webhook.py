"""X (Twitter), delivered: posts by, to and about accounts of one's own (Account Activity API).

https://docs.x.com/x-api/account-activity/introduction
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from libs.common.events import Engagement
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
from services.ingest.reading.dates import parse_date
from services.ingest.reading.platform_api import decode_each
from services.ingest.reading.wire import LATEST, Count, time_at

PLATFORM: Final = "x"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_=+/.-]{1,400}")
"""What X sends as a token. No delivery looks like this: else whoever asks for a handshake would
have us sign a delivery of theirs."""


_NO_LANGUAGE: Final = re.compile(r"|und|zxx|q[a-z]{2}")
"""How X writes that it does not know, or that there are only links and emoji."""


class Config(SourceConfig):
    """What is said by, to and about one's own accounts on X, delivered by X."""

    kind: Literal["x_webhook"] = "x_webhook"
    consumer_secret: SigningSecret
    """Of the app at X (API key secret); handshakes and deliveries are signed with it."""
    own_posts: bool = False
    """Whether what the accounts themselves write is collected too."""

    @property
    def address(self) -> str:
        return f"/v1/hooks/{self.id}"

    @property
    def host(self) -> str:
        return "x.com"

    def build(self, tools: Tools) -> XHook:
        return XHook(self)


_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=LATEST * 1000)]


class _Body(msgspec.Struct, frozen=True):
    for_user_id: str | int = ""
    tweet_create_events: list[msgspec.Raw] = []
    tweet_delete_events: list[msgspec.Raw] = []


class _User(msgspec.Struct, frozen=True):
    id_str: str
    screen_name: str | None = None
    name: str | None = None
    followers_count: Count | None = None


class _Extended(msgspec.Struct, frozen=True):
    full_text: str | None = None


class _History(msgspec.Struct, frozen=True):
    """Of an edited post: the ids of its versions."""

    initial_tweet_id: str | int | None = None


class _Place(msgspec.Struct, frozen=True):
    full_name: str | None = None
    country_code: str | None = None


class _Tweet(msgspec.Struct, frozen=True):
    id_str: str
    created_at: str = ""
    timestamp_ms: _Milliseconds | None = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: _Extended | None = None
    user: _User | None = None
    lang: str | None = None
    place: _Place | None = None
    in_reply_to_status_id_str: str | None = None
    retweeted_status: _Tweet | None = None
    edit_history: _History | None = None
    favorite_count: Count | None = None
    retweet_count: Count | None = None
    reply_count: Count | None = None

    @property
    def first_id(self) -> str:
        """The id of the first version: each edit has an id of its own."""
        first = self.edit_history.initial_tweet_id if self.edit_history else None
        return str(first or self.id_str)

    @property
    def whole_text(self) -> str:
        """Of the original where this only repeats it; long ones are cut in `text`."""
        said = self.retweeted_status or self
        extended = said.extended_tweet.full_text if said.extended_tweet else None
        return html.unescape(extended or said.full_text or said.text or "")


class _Gone(msgspec.Struct, frozen=True):
    id: str | int


class _Delete(msgspec.Struct, frozen=True):
    status: _Gone
    timestamp_ms: _Milliseconds | None = None


class XHook:
    """Answers challenges and takes deliveries."""

    def __init__(self, config: Config) -> None:
        self._secret = config.consumer_secret.get_secret_value()
        self._own_posts = config.own_posts

    async def handshake(self, call: Call) -> Answer:
        token = call.query.get("crc_token", "")
        if not _TOKEN.fullmatch(token):
            raise Denied("token", "expected a crc_token", 400)
        body = msgspec.json.encode({"response_token": self._signed(token.encode())})
        return Answer(body=body, content_type="application/json")

    async def receive(self, call: Call) -> Delivery:
        given = call.headers.get("x-twitter-webhooks-signature", "")
        if not same(self._signed(call.body), given):
            raise Denied("signature", "x-twitter-webhooks-signature is not that of the body", 401)
        body = decoded(call.body, _Body)
        own = None if self._own_posts else str(body.for_user_id)
        tweets = decode_each(body.tweet_create_events, _Tweet, PLATFORM)
        others = [tweet for tweet in tweets if tweet.user is None or tweet.user.id_str != own]
        deletes = decode_each(body.tweet_delete_events, _Delete, PLATFORM)
        own_ones: list[Skipped] = ["own"] * (len(tweets) - len(others))
        changes = (*_written(others, call.at), *_deleted(deletes, call.at))
        return Delivery(changes, skipped=tuple(own_ones))

    def _signed(self, content: bytes) -> str:
        return "sha256=" + base64.b64encode(signature(self._secret, content)).decode()


def _written(tweets: Sequence[_Tweet], now: datetime) -> list[Change]:
    posts = [_post(tweet, now) for tweet in tweets]
    return [Change(post, post.edited_at or post.published_at) for post in posts]


def _deleted(deletes: Sequence[_Delete], now: datetime) -> list[Change]:
    changes: list[Change] = []
    for delete in deletes:
        at = (time_at(delete.timestamp_ms / 1000) if delete.timestamp_ms else None) or now
        at = min(at, now)
        changes.append(Change(Deletion(PLATFORM, str(delete.status.id), at), at))
    return changes


def _post(tweet: _Tweet, now: datetime) -> Post:
    answered = tweet.in_reply_to_status_id_str
    handle = tweet.user.screen_name if tweet.user else None
    written_at = min(_written_at(tweet) or now, now)
    return Post(
        platform=PLATFORM,
        native_id=tweet.first_id,
        kind="repost" if tweet.retweeted_status else "reply" if answered else "post",
        url=f"https://x.com/{handle or 'i'}/status/{tweet.id_str}",
        text=tweet.whole_text,
        lang=None if _NO_LANGUAGE.fullmatch(tweet.lang or "") else tweet.lang,
        author=_author(tweet.user),
        published_at=written_at,
        edited_at=None if tweet.first_id == tweet.id_str else written_at,
        in_reply_to=answered,
        engagement=Engagement(
            likes=tweet.favorite_count, reposts=tweet.retweet_count, replies=tweet.reply_count
        ),
        place=tweet.place.full_name if tweet.place else None,
    )


def _author(user: _User | None) -> PostAuthor | None:
    if user is None:
        return None
    return PostAuthor(
        id=user.id_str,
        handle=user.screen_name,
        name=user.name,
        url=f"https://x.com/{user.screen_name}" if user.screen_name else None,
        followers=user.followers_count,
    )


def _written_at(tweet: _Tweet) -> datetime | None:
    """From the exact time where there is one, else from the one for people, to the second."""
    exact = time_at(tweet.timestamp_ms / 1000) if tweet.timestamp_ms else None
    return exact or parse_date(tweet.created_at)
