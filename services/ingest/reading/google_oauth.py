"""Access tokens of Google's OAuth 2.0, for APIs that are asked without a person present.

https://developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Protocol, TypeAlias

import jwt
import msgspec
from pydantic import AfterValidator, SecretStr

from services.ingest.failure import AuthFailed, CollectionFailed, RateLimited
from services.ingest.reading.address import host_of
from services.ingest.reading.pacing import after_seconds, retry_after
from services.ingest.reading.platform_api import Parameters, PlatformApi, Reply

TOKENS: Final = "https://oauth2.googleapis.com/token"
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE: Final = timedelta(hours=1)
"""The longest an assertion may be good for."""
_SPARE: Final = timedelta(minutes=1)
"""A token that ends sooner than this is not used any more."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """The key file of a service account, as the Google Cloud console gives it."""

    client_email: str
    private_key: str
    token_uri: str = TOKENS

    def assertion(self, scope: str, now: datetime) -> str:
        """What is traded for an access token: signed with RS256."""
        issued = int(now.timestamp())
        claims = {
            "iss": self.client_email,
            "scope": scope,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + int(_LIFE.total_seconds()),
        }
        return jwt.encode(claims, self.private_key, algorithm="RS256")


def service_account(key_file: str) -> ServiceAccount:
    """Raises ValueError when this is not a usable key file; the message tells nothing of it."""
    expected = "expected the JSON key file of a Google service account"
    try:
        account = msgspec.json.decode(key_file, type=ServiceAccount)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValueError(expected) from None
    if not host_of(account.token_uri) or not account.token_uri.startswith(("http:", "https:")):
        raise ValueError(expected)
    try:
        jwt.get_algorithm_by_name("RS256").prepare_key(account.private_key)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ValueError(f"{expected}: its private key cannot be read") from None
    return account


def _key_file(secret: SecretStr) -> SecretStr:
    service_account(secret.get_secret_value())
    return secret


KeyFile: TypeAlias = Annotated[SecretStr, AfterValidator(_key_file)]
"""The content of a service account's key file."""


class Grant(Protocol):
    """What is handed in for an access token."""

    def form(self, now: datetime) -> Mapping[str, str]: ...


class AsServiceAccount:
    """The JWT bearer grant (RFC 7523)."""

    def __init__(self, account: ServiceAccount, scope: str) -> None:
        self._account = account
        self._scope = scope

    def form(self, now: datetime) -> Mapping[str, str]:
        return {
            "grant_type": _JWT_GRANT,
            "assertion": self._account.assertion(self._scope, now),
        }


class AsPerson:
    """The refresh token grant, for what a person once allowed."""

    def __init__(self, client_id: str, client_secret: str, refresh_token: str) -> None:
        self._form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }

    def form(self, now: datetime) -> Mapping[str, str]:
        return self._form


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = _LIFE.total_seconds()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: datetime


_NONE: Final = _Token("", datetime(1970, 1, 1, tzinfo=UTC))


class GoogleApi:
    """Asks one of Google's APIs as who the grant speaks for. The token is kept in memory while it
    is good, and nowhere else; one that is refused is renewed once."""

    def __init__(self, api: PlatformApi, tokens: str, grant: Grant) -> None:
        self._api = replace(api, judge=_judged)
        self._tokens = tokens
        self._grant = grant
        self._token = _NONE

    async def get(self, url: str, params: Parameters) -> Reply:
        """A good answer. Raises CollectionFailed."""
        if self._token.ends > self._api.clock():
            try:
                return await self._ask(url, params)
            except AuthFailed:
                self._token = _NONE
        await self._renew()
        return await self._ask(url, params)

    async def _ask(self, url: str, params: Parameters) -> Reply:
        return await self._api.get(url, params, {"Authorization": f"Bearer {self._token.text}"})

    async def _renew(self) -> None:
        now = self._api.clock()
        reply = await self._api.post(self._tokens, form=self._grant.form(now))
        answer = reply.decode(_TokenAnswer)
        good_for = timedelta(seconds=min(max(0.0, answer.expires_in), _LIFE.total_seconds()))
        self._token = _Token(answer.access_token, now + good_for - _SPARE)


class _Detail(msgspec.Struct, frozen=True):
    retryDelay: str = ""


class _Error(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Refusal(msgspec.Struct, frozen=True):
    """error: the APIs' own form; the token server's is a word."""

    error: _Error | str


def _judged(reply: Reply) -> CollectionFailed | None:
    """What Google means where the HTTP status alone does not tell."""
    if reply.status < 400:
        return None
    try:
        error = msgspec.json.decode(reply.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(error, str):
        return AuthFailed(f"Google refuses the credentials: {error}"[:200])
    said = f"{error.status}: {error.message}"[:300]
    match error.status:
        case "RESOURCE_EXHAUSTED":
            return RateLimited(said, not_before=_wait(reply, error))
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            return AuthFailed(said)
    return None


def _wait(reply: Reply, error: _Error) -> datetime | None:
    """From `Retry-After`, or from the delay in the error's details, such as `95s`."""
    delays = (detail.retryDelay.removesuffix("s") for detail in error.details)
    waits = (after_seconds(delay, reply.at) for delay in delays if delay)
    return retry_after(reply.headers, reply.at) or next(filter(None, waits), None)
