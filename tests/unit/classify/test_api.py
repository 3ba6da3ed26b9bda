from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from libs.common import problems
from libs.common.auth import Gate
from services.classify.api import MAX_BODY_BYTES, MAX_TEXTS, classify_router
from services.classify.rules import load_rules
from services.classify.tagging import InPlace

RULES = load_rules()
TOKEN = {"Authorization": "Bearer let-me-in"}


def an_app() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.include_router(classify_router(InPlace(RULES), Gate("let-me-in")))
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(an_app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://classify", headers=TOKEN
    ) as client:
        yield client


async def classify(client: httpx.AsyncClient, body: object) -> httpx.Response:
    return await client.post("/v1/classify", json=body)


async def test_an_object_gets_an_object(client: httpx.AsyncClient) -> None:
    answer = await classify(client, {"text": "Die Bremse hat versagt"})
    assert answer.status_code == 200
    verdict = answer.json()
    assert verdict["label"] == "crisis_candidate"
    assert verdict["model"] == "rules-1"
    assert verdict["lang"] == "de"
    reason = verdict["reasons"][0]
    assert "Die Bremse hat versagt"[reason["start"] : reason["end"]] == "Bremse hat versagt"


async def test_an_array_gets_an_array_in_the_same_order(client: httpx.AsyncClient) -> None:
    texts = [{"text": "Super Service, danke!"}, {"text": ""}, {"text": "Nie wieder!"}] * 20
    answer = await classify(client, texts)
    assert [verdict["label"] for verdict in answer.json()] == ["praise", "other", "complaint"] * 20
    assert (await classify(client, [])).json() == []


async def test_everything_known_about_a_text_counts(client: httpx.AsyncClient) -> None:
    plain = {"text": "Das Ladegerät hat Feuer gefangen"}
    heard = {**plain, "followers": 2_000_000}
    stars = {"text": "Montag geliefert", "rating": 1, "kind": "review", "title": None}
    of_ten = {"text": "Montag geliefert", "rating": {"value": 10, "best": 10}}
    told, loud, low, high = (await classify(client, [plain, heard, stars, of_ten])).json()
    assert told["severity"] < loud["severity"]
    assert (low["label"], high["label"]) == ("complaint", "praise")


async def test_half_a_character_is_read_as_unknown_and_moves_nothing(
    client: httpx.AsyncClient,
) -> None:
    body = b'{"text": "\\ud800 Nie wieder \\ud83d\\ude21", "lang": "de"}'
    answer = await client.post("/v1/classify", content=body)
    assert answer.status_code == 200
    spans = {(r["start"], r["end"]) for r in answer.json()["reasons"]}
    assert spans == {(2, 12), (13, 14)}


async def test_what_does_not_fit_is_named_by_pointer(client: httpx.AsyncClient) -> None:
    answer = await classify(
        client,
        [
            {"text": "gut"},
            {"title": "ohne Text"},
            {"text": 7},
            {"text": "x", "followers": -1, "rating": {"value": 1, "best": 0}, "a/b": 1},
            "no object",
        ],
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "#/1/text",
        "#/2/text",
        "#/3/rating/best",
        "#/3/followers",
        "#/3/a~1b",
        "#/4",
    ]


async def test_the_pointer_into_a_single_object_has_no_index(client: httpx.AsyncClient) -> None:
    answer = await classify(client, {"text": None})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/text"]
    assert (await classify(client, "text")).json()["errors"][0]["pointer"] == "#"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"text": NaN}', b"\xff\xfe", b'{"followers": ' + b"9" * 5000],
    ids=["empty", "open", "deep", "nan", "bytes", "long number"],
)
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/classify", content=body)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Not JSON"


async def test_too_much_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/classify", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    answer = await classify(client, [{"text": "x"}] * (MAX_TEXTS + 1))
    assert answer.status_code == 413
    answer = await classify(client, {"text": "x" * 3_000_000})
    assert answer.status_code == 422


async def test_a_text_of_a_megabyte_is_answered(client: httpx.AsyncClient) -> None:
    answer = await classify(client, {"text": "Die Bremse hat versagt. " * 42_000})
    assert answer.json()["label"] == "crisis_candidate"


async def test_nobody_gets_in_without_the_token(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/classify", json={"text": "x"}, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_the_documentation_describes_what_comes_in_and_what_goes_out(
    client: httpx.AsyncClient,
) -> None:
    operation = an_app().openapi()["paths"]["/v1/classify"]["post"]
    request = operation["requestBody"]["content"]["application/json"]["schema"]
    response = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert "$ref" not in json.dumps(operation["requestBody"])
    body = [{"text": "Wann?", "rating": 2.5}, {"text": "x", "rating": {"value": 1, "best": 5}}]
    for given in (body, body[0]):
        jsonschema.validate(given, request)
        jsonschema.validate((await classify(client, given)).json(), response)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"title": "ohne Text"}, request)
