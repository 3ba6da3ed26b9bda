"""Telegram: messages of the channels and groups that a bot is in.

https://core.telegram.org/bots/api. A bot sees channels it administers, and groups whose messages
its privacy mode does not hide from it. Nobody tells it of deletions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from pydantic import AfterValidator, Field, SecretStr

from libs.common.clock import Clock
from libs.common.events import Kind
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import AuthFailed, CollectionFailed, RateLimited, Rejected
from services.ingest.post import Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.pacing import after_seconds
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.wire import Number, Seconds, UnixTime, time_at, unix_seconds

PLATFORM: Final = "telegram"
_NUMBERS_HOLD: Final = timedelta(days=2)
"""Telegram keeps updates for a day, and after a week without any it goes on with another number.
So an offset that is older than this confirms nothing, but might hide what is new."""
_KINDS: Final = ("message", "edited_message", "channel_post", "edited_channel_post")
_TOKEN: Final = re.compile(r"([0-9]{3,20}):[A-Za-z0-9_-]{3,100}")
_SUPERGROUP: Final = "-100"
"""What the ids of channels and supergroups begin with; addresses have the rest."""


def _token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("expected a bot's token as @BotFather gives it: 123456:ABC…")
    return token


class Config(SourceConfig):
    """Telegram channels and groups, through a bot that is in them.

    Reading takes the bot's updates away from any other program: give it a bot of its own.
    """

    kind: Literal["telegram"] = "telegram"
    token: Annotated[SecretStr, AfterValidator(_token)]
    api: BaseAddress = "https://api.telegram.org"
    per_page: int = Field(default=100, ge=1, le=100)

    @property
    def address(self) -> str:
        return f"{self.api} bot {self._bot}"

    @property
    def host(self) -> str:
        return host_of(self.api)

    @property
    def _bot(self) -> str:
        """The bot's number: the part of its token that everybody may know."""
        return self.token.get_secret_value().partition(":")[0]

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(tools.client_for(self), tools.clock, tools.limits, judge=_judged)
        return Telegram(self, api, tools.clock)


class Cursor(msgspec.Struct, frozen=True):
    """offset: the update after the last one that was read. at: when that was."""

    offset: Number
    at: Seconds


ChatId: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Parameters(msgspec.Struct, frozen=True):
    retry_after: float | None = None


class _Refusal(msgspec.Struct, frozen=True):
    ok: Literal[False]
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None


class _Updates(msgspec.Struct, frozen=True):
    result: list[msgspec.Raw]


class _Update(msgspec.Struct, frozen=True):
    """At most one of them is there."""

    update_id: Number
    message: msgspec.Raw = msgspec.Raw()
    edited_message: msgspec.Raw = msgspec.Raw()
    channel_post: msgspec.Raw = msgspec.Raw()
    edited_channel_post: msgspec.Raw = msgspec.Raw()

    @property
    def raw_message(self) -> msgspec.Raw:
        messages = (self.message, self.edited_message, self.channel_post, self.edited_channel_post)
        return next(filter(bytes, messages), msgspec.Raw())


class _Chat(msgspec.Struct, frozen=True):
    id: ChatId
    type: str = ""
    title: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    @property
    def name(self) -> str | None:
        return self.title or " ".join(filter(None, (self.first_name, self.last_name))) or None


class _Replied(msgspec.Struct, frozen=True):
    message_id: Number


class _Message(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """sender: a user, who has the fields of a chat. sender_chat: a channel or an anonymous
    administrator that wrote."""

    message_id: Number
    date: UnixTime
    chat: _Chat
    sender: _Chat | None = None
    sender_chat: _Chat | None = None
    text: str | None = None
    caption: str | None = None
    edit_date: UnixTime | None = None
    reply_to_message: _Replied | None = None
    message_thread_id: Number | None = None
    forward_origin: dict[str, msgspec.Raw] | None = None


class Telegram:
    """Takes the bot's updates. A question for what lies behind an update confirms it, and Telegram
    forgets it: so it is asked only once the page with it is safe and its cursor has come back."""

    def __init__(self, config: Config, api: PlatformApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock

    async def collect(self, cursor: str | None) -> Page:
        now = self._clock()
        at = remembered(cursor, Cursor)
        asked: dict[str, str | int] = {
            "limit": self._config.per_page,
            "timeout": 0,
            "allowed_updates": msgspec.json.encode(_KINDS).decode(),
        }
        if at is not None and unix_seconds(now) - at.at < _NUMBERS_HOLD.total_seconds():
            asked["offset"] = at.offset
        raw = (await self._ask(asked)).decode(_Updates).result
        updates = decode_each(raw, _Update, PLATFORM)
        messages = decode_each(_messages(updates), _Message, PLATFORM)
        posts = tuple(post for each in messages if (post := _post(each)))
        if updates:
            last = max(update.update_id for update in updates)
            at = Cursor(last + 1, unix_seconds(now))
        return Page(
            posts=posts,
            cursor=cursor_of(at) if at is not None else None,
            more=len(raw) >= self._config.per_page and bool(updates),
            health="ok" if posts else "unchanged",
        )

    async def _ask(self, asked: dict[str, str | int]) -> Reply:
        """The token is part of the address, so every failure is told without it."""
        token = self._config.token.get_secret_value()
        try:
            return await self._api.get(f"{self._config.api}/bot{token}/getUpdates", asked)
        except CollectionFailed as failure:
            said = str(failure).replace(token, "…")
            raise type(failure)(
                said, not_before=failure.not_before, back_off=failure.back_off
            ) from None


def _judged(reply: Reply) -> CollectionFailed | None:
    """Refusals say `ok: false`, whatever their status."""
    try:
        refusal = msgspec.json.decode(reply.body, type=_Refusal, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = f"Telegram answered {refusal.error_code}: {refusal.description}"[:300]
    wait = refusal.parameters.retry_after if refusal.parameters is not None else None
    match refusal.error_code:
        case 401 | 404:  # 404 is its answer to what does not even look like a token
            return AuthFailed(said)
        case 409:
            return Rejected(
                "somebody else takes this bot's updates: another program reads them, or a webhook"
                f" is set. Give Brandmelder a bot of its own, or delete the webhook. {said}"
            )
        case 429:
            return RateLimited(
                said, not_before=after_seconds(wait, reply.at) if wait is not None else None
            )
        case code if code >= 500:
            return None
    return Rejected(said)


def _messages(updates: Sequence[_Update]) -> list[msgspec.Raw]:
    return [raw for update in updates if bytes(raw := update.raw_message)]


def _post(message: _Message) -> Post | None:
    """None for what has no text, as a picture without a caption or somebody who joined."""
    text = message.text or message.caption
    if not text:
        return None
    chat, replied = message.chat, message.reply_to_message
    return Post(
        platform=PLATFORM,
        native_id=f"{chat.id}/{message.message_id}",
        kind=_kind(message),
        url=_address(chat, message.message_id),
        text=text,
        author=_author(message.sender_chat or message.sender or chat),
        published_at=time_at(message.date),
        edited_at=time_at(message.edit_date) if message.edit_date is not None else None,
        thread=f"{chat.id}/{message.message_thread_id}" if message.message_thread_id else None,
        in_reply_to=f"{chat.id}/{replied.message_id}" if replied is not None else None,
    )


def _kind(message: _Message) -> Kind:
    if message.forward_origin is not None:
        return "repost"
    return "reply" if message.reply_to_message is not None else "post"


def _address(chat: _Chat, message_id: int) -> str | None:
    """Of public chats for everybody, of supergroups for their members; others have none."""
    if chat.username:
        return f"https://t.me/{chat.username}/{message_id}"
    number = str(chat.id)
    if number.startswith(_SUPERGROUP):
        return f"https://t.me/c/{number.removeprefix(_SUPERGROUP)}/{message_id}"
    return None


def _author(who: _Chat) -> PostAuthor:
    """A user's language is that of the app, not of what is written: it is not taken."""
    return PostAuthor(
        id=str(who.id),
        handle=who.username,
        name=who.name,
        url=f"https://t.me/{who.username}" if who.username else None,
    )
