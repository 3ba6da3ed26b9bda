"""`POST /v1/classify`: the verdict on one text or many."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Protocol, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from starlette.responses import Response

from libs.common.auth import Gate
from libs.common.events import Author, Classification, Kind, Rating
from libs.common.problems import FieldError, Problem
from libs.common.settings import Strict
from services.classify.classifier import Utterance

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_TEXTS: Final = 1_000
MAX_TEXT_CHARACTERS: Final = 2 * 1024 * 1024
CHUNK: Final = 20
MAX_FINDINGS: Final = 100

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENCODER: Final = msgspec.json.Encoder()


class Stars(Strict):
    """A review's stars: `value` out of `best`."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    best: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0


def _of_five(rating: object) -> object:
    plain = isinstance(rating, int | float) and not isinstance(rating, bool)
    return {"value": rating} if plain else rating


class TextToClassify(Strict):
    """A text and what is known about it. A plain number as `rating` is out of five."""

    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
    title: Annotated[str | None, Field(max_length=10_000)] = None
    lang: Annotated[str | None, Field(max_length=35, description="BCP 47 tag")] = None
    kind: Kind = "post"
    rating: Annotated[
        Stars | None, BeforeValidator(_of_five, json_schema_input_type=Stars | float | None)
    ] = None
    followers: Annotated[int | None, Field(ge=0, lt=2**53)] = None

    def utterance(self) -> Utterance:
        return Utterance(
            text=self.text,
            title=self.title,
            lang=self.lang,
            kind=self.kind,
            rating=Rating(value=self.rating.value, best=self.rating.best) if self.rating else None,
            author=None if self.followers is None else Author(key="", followers=self.followers),
        )


_TEXTS: Final = TypeAdapter(list[TextToClassify])


class Classifies(Protocol):
    """Answers with one verdict per text, in order, without holding up the event loop for long when
    it is asked about CHUNK texts. May raise Retryable."""

    async def classify(self, texts: Sequence[Utterance]) -> list[Classification]: ...


def classify_router(classifier: Classifies, gate: Gate) -> APIRouter:
    """The address `/v1/classify`, open to callers with the scope `classify`."""
    # Beyond our own limit, so that ours is the one that answers.
    router = APIRouter(tags=["classify"], max_body_size=2 * MAX_BODY_BYTES)

    @router.post(
        "/v1/classify",
        summary="Tag one text or up to 1,000",
        description="An object gets an object, an array gets an array in the same order. "
        "`start` and `end` of a reason count Unicode code points.",
        dependencies=[Depends(gate.requires("classify"))],
        openapi_extra=_documentation(),
    )
    async def classify(request: Request) -> Response:
        body = _decoded(await _bounded_body(request))
        texts = _validated(body)
        verdicts = await _classified(classifier, texts)
        answer = verdicts if isinstance(body, list) else verdicts[0]
        return Response(_ENCODER.encode(answer), media_type="application/json")

    return router


async def _classified(
    classifier: Classifies, texts: Sequence[TextToClassify]
) -> list[Classification]:
    verdicts: list[Classification] = []
    for begin in range(0, len(texts), CHUNK):
        chunk = [text.utterance() for text in texts[begin : begin + CHUNK]]
        verdicts += await classifier.classify(chunk)
        await asyncio.sleep(0)
    return verdicts


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, "Too large", f"The body may have up to {MAX_BODY_BYTES} bytes.")
    return bytes(body)


def _decoded(body: bytes) -> Json:
    try:
        document: Json = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Not JSON", f"The body cannot be read as JSON: {error}") from error
    return _without_surrogates(document) if b"\\u" in body else document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _without_surrogates(document: Json) -> Json:
    """JSON may carry half of a character (`\\ud800`), which no text can: it becomes U+FFFD, which
    keeps every other character in its place."""
    if isinstance(document, str):
        return _SURROGATE.sub("\ufffd", document)
    if isinstance(document, list):
        return [_without_surrogates(item) for item in document]
    if isinstance(document, dict):
        return {_SURROGATE.sub("\ufffd", k): _without_surrogates(v) for k, v in document.items()}
    return document


def _validated(body: Json) -> list[TextToClassify]:
    several = isinstance(body, list)
    items = body if isinstance(body, list) else [body]
    if len(items) > MAX_TEXTS:
        raise Problem(413, "Too many texts", f"Send up to {MAX_TEXTS} texts at once.")
    try:
        return _TEXTS.validate_python(items)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise Problem(
            422,
            "The texts do not fit",
            errors=[
                FieldError(_pointer(item["loc"] if several else item["loc"][1:]), item["msg"])
                for item in details[:MAX_FINDINGS]
            ],
        ) from error


def _pointer(location: Sequence[str | int]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "#" + "".join(f"/{part}" for part in escaped)


def _documentation() -> dict[str, object]:
    item = _inlined(TextToClassify.model_json_schema(), {})
    verdict = _inlined(msgspec.json.schema(Classification), {})
    return {
        "requestBody": {"required": True, "content": _one_or_many(item, MAX_TEXTS)},
        "responses": {"200": {"description": "The verdicts", "content": _one_or_many(verdict)}},
    }


def _one_or_many(schema: object, at_most: int | None = None) -> dict[str, object]:
    several: dict[str, object] = {"type": "array", "items": schema}
    if at_most is not None:
        several["maxItems"] = at_most
    return {"application/json": {"schema": {"oneOf": [schema, several]}}}


def _inlined(schema: object, definitions: Mapping[str, object]) -> object:
    """The schema with its local definitions put in their places, fit to stand inside OpenAPI."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions)
    if "$ref" in schema:
        return _inlined(definitions[str(schema["$ref"]).rsplit("/", 1)[1]], definitions)
    return {k: _inlined(v, definitions) for k, v in schema.items() if k != "$defs"}
