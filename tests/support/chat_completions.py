"""A chat-completions endpoint for tests: strict about what it is asked, and told what to answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.server import serving

KEY: Final = "sk-of-the-tests"
MODEL: Final = "oracle-1"
INPUT, OUTPUT = 400, 150


class Asked(NamedTuple):
    """One request. post: what stands in the user message. raw: the body as it came."""

    post: dict[str, str]
    raw: str


Answers: TypeAlias = Callable[[Asked], Response | None]
"""None is silence until the asker hangs up."""


def completion(
    content: str | None,
    *,
    refusal: str | None = None,
    finish_reason: str = "stop",
    usage: dict[str, int] | None = None,
) -> Response:
    """An answer as the protocol dresses it."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1772452800,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": usage or {"prompt_tokens": INPUT, "completion_tokens": OUTPUT},
        }
    )


def says(label: str, severity: float = 0.3, cues: Sequence[str] = ()) -> Response:
    """A verdict of the form that was asked for."""
    return completion(json.dumps({"cues": list(cues), "label": label, "severity": severity}))


class ChatCompletions:
    """Remembers what it was asked. Requests that a strict API would refuse get a 4xx."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Asked] = []

    @property
    def texts(self) -> list[str]:
        """The texts it was asked about, in order."""
        return [asked.post["text"] for asked in self.asked]

    async def complete(self, request: Request) -> Response:
        raw = (await request.body()).decode()
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": {"message": "wrong key"}}, 401)
        if fault := _fault(json.loads(raw)):
            return JSONResponse({"error": {"message": fault}}, 400)
        asked = Asked(json.loads(json.loads(raw)["messages"][1]["content"]), raw)
        self.asked.append(asked)
        answer = self.answers(asked)
        if answer is None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return answer or Response()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Served while the block runs; gives the base address."""
        routes = [Route("/v1/chat/completions", self.complete, methods=["POST"])]
        async with serving(Starlette(routes=routes)) as address:
            yield f"{address}/v1"


def _fault(body: dict[str, Any]) -> str | None:
    """What a strict API would refuse the request for."""
    if body.keys() != {"model", "messages", "response_format"} or body["model"] != MODEL:
        return "an unknown parameter or model"
    if [message["role"] for message in body["messages"]] != ["system", "user"]:
        return "expected a system message and a user message"
    wanted = body["response_format"]
    schema = wanted["json_schema"]["schema"]
    if wanted["type"] != "json_schema" or wanted["json_schema"]["strict"] is not True:
        return "expected a strict schema"
    if schema["additionalProperties"] or sorted(schema["required"]) != sorted(schema["properties"]):
        return "a strict schema requires every property and allows no other"
    return None
