"""How access to Google's APIs is asked for and kept."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest

from services.ingest.collector import Limits
from services.ingest.failure import AuthFailed, RateLimited
from services.ingest.reading.google_oauth import (
    AsPerson,
    AsServiceAccount,
    GoogleApi,
    service_account,
)
from services.ingest.reading.platform_api import PlatformApi
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, unix
from tests.unit.ingest.collectors.google_samples import EMAIL, TOKEN, TOKENS, key, key_file

URL = "https://api.example/v1/things"
REFUSED = httpx.Response(401, json={"error": {"code": 401, "status": "UNAUTHENTICATED"}})


def an_api(scripted: Scripted, clock: SetClock | None = None) -> GoogleApi:
    client = httpx.AsyncClient(transport=httpx.MockTransport(scripted))
    api = PlatformApi(client, clock or SetClock(), Limits())
    return GoogleApi(api, TOKENS, AsPerson("id", "geheim", "1//geheim"))


def sent(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode()))


def test_a_service_account_signs_for_what_it_wants() -> None:
    form = AsServiceAccount(service_account(key_file()), "scope/x").form(NOW)
    claims = jwt.decode(
        form["assertion"],
        key().public_key(),
        algorithms=["RS256"],
        audience=TOKENS,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert claims == {
        "iss": EMAIL,
        "scope": "scope/x",
        "aud": TOKENS,
        "iat": unix(NOW),
        "exp": unix(NOW) + 3600,
    }


@pytest.mark.parametrize(
    "text",
    [
        "geheim",
        "{}",
        '{"client_email": "a@b", "private_key": "geheim"}',
        '{"client_email": "a@b", "private_key": "geheim", "token_uri": "file:///geheim"}',
    ],
)
def test_a_key_file_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="expected the JSON key file") as raised:
        service_account(text)
    assert "geheim" not in str(raised.value)


async def test_a_token_is_used_until_a_minute_before_its_end() -> None:
    clock = SetClock()
    scripted = Scripted(TOKEN, {"a": 1}, {"a": 2})
    api = an_api(scripted, clock)
    await api.get(URL, {})
    clock.forward(seconds=3599 - 61)
    await api.get(URL, {})
    assert scripted.paths == ["/token", "/v1/things", "/v1/things"]
    scripted.then({**TOKEN, "access_token": "ya29.second"}, {"a": 3})
    clock.forward(seconds=2)
    await api.get(URL, {})
    assert scripted.requests[-1].headers["authorization"] == "Bearer ya29.second"
    assert sent(scripted.requests[0]) == {
        "grant_type": "refresh_token",
        "client_id": "id",
        "client_secret": "geheim",
        "refresh_token": "1//geheim",
    }


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    scripted = Scripted(TOKEN, {"a": 1}, REFUSED, TOKEN, {"a": 2})
    api = an_api(scripted)
    await api.get(URL, {})
    assert (await api.get(URL, {})).body == b'{"a":2}'
    assert scripted.paths == ["/token", "/v1/things", "/v1/things", "/token", "/v1/things"]


async def test_a_new_token_that_is_refused_is_a_failure() -> None:
    scripted = Scripted(TOKEN, REFUSED)
    with pytest.raises(AuthFailed):
        await an_api(scripted).get(URL, {})


async def test_a_withdrawn_consent_is_named_and_shows_no_secret() -> None:
    answer = {"error": "invalid_grant", "error_description": "Token has been revoked: 1//geheim"}
    with pytest.raises(AuthFailed, match="invalid_grant") as raised:
        await an_api(Scripted(httpx.Response(400, json=answer))).get(URL, {})
    assert "geheim" not in str(raised.value)


async def test_the_wait_stands_in_the_details_of_the_error() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "31.5s"},
    ]
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota", "details": details}
    scripted = Scripted(TOKEN, httpx.Response(429, json={"error": error}))
    with pytest.raises(RateLimited) as raised:
        await an_api(scripted).get(URL, {})
    assert raised.value.not_before == NOW + timedelta(seconds=31.5)
