"""One question over HTTP, as OpenAI-compatible APIs are asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

import httpx
import msgspec
from pydantic import SecretStr

from libs.common.clock import Clock
from libs.common.errors import AddressRefused
from libs.common.retry import retry_after
from services.classify.second_opinion.opinion import Opinion, Why, opinion_of
from services.classify.second_opinion.question import Question, request_body

LARGEST_ANSWER: Final = 262_144
"""Bytes; a longer answer is none."""
LONGEST_PAUSE: Final = timedelta(days=1)
"""What an endpoint may order with Retry-After."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
"""Tokens of one answer; more is nonsense, and could spend any budget."""


class Tokens(NamedTuple):
    """So many went in and came out."""

    input: int
    output: int


class Reply(NamedTuple):
    """What became of a question.

    used: what the endpoint says it took; None when it says nothing of sense. charged: it may cost
    something: the endpoint took the question, answered or not. not_before: it wants no question
    until then. detail: what happened, for people; holds nothing of the text, the answer or the key.
    """

    result: Opinion | Why
    used: Tokens | None = None
    charged: bool = True
    not_before: datetime | None = None
    detail: str = ""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count
    completion_tokens: _Count


class _Completion(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: msgspec.Raw = msgspec.Raw(b"null")


_COMPLETION: Final = msgspec.json.Decoder(_Completion)
_USAGE: Final = msgspec.json.Decoder(_Usage)


class Endpoint:
    """Asks one model. Does not retry, and sets no deadline: who asks does."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        address: str,
        model: str,
        api_key: SecretStr | None,
        clock: Clock,
    ) -> None:
        """address: what stands before `/chat/completions`."""
        self.model = model
        self._client = client
        self._url = f"{address}/chat/completions"
        self._clock = clock
        # Not packed: what arrives is then as large as it is.
        self._headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if api_key is not None:
            self._headers["authorization"] = f"Bearer {api_key.get_secret_value()}"

    async def ask(self, question: Question) -> Reply:
        """Never raises because of what the endpoint does or says."""
        content = request_body(question, self.model)
        try:
            async with self._client.stream(
                "POST", self._url, content=content, headers=self._headers
            ) as response:
                if response.status_code != 200:
                    return _turned_down(response, self._clock())
                body = await _read(response)
        except AddressRefused as error:
            detail = f"{error}; set allow_private on the second opinion if that is meant"
            return Reply("unreachable", charged=False, detail=detail)
        except httpx.TimeoutException as error:
            return Reply("slow", detail=type(error).__name__)
        except httpx.ConnectError as error:
            return Reply("unreachable", charged=False, detail=str(error))
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Reply("unreachable", detail=type(error).__name__)
        if body is None:
            return Reply("malformed", detail=f"the answer has more than {LARGEST_ANSWER} bytes")
        return _understood(body, question)


async def _read(response: httpx.Response) -> bytes | None:
    """The body; None when it is too large."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > LARGEST_ANSWER:
            return None
    return bytes(body)


def _turned_down(response: httpx.Response, now: datetime) -> Reply:
    status = response.status_code
    not_before = None
    if status in (429, 503):
        wait = retry_after(response.headers.get("retry-after"), now)
        if wait is not None:
            not_before = now + timedelta(seconds=min(wait, LONGEST_PAUSE.total_seconds()))
    return Reply(
        "throttled" if status == 429 else "status",
        charged=False,
        not_before=not_before,
        detail=f"status {status}",
    )


def _understood(body: bytes, question: Question) -> Reply:
    try:
        completion = _COMPLETION.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Reply("malformed", detail="the answer is no chat completion")
    choice, used = completion.choices[0], _used(completion.usage)
    if choice.message.refusal is not None or choice.finish_reason == "content_filter":
        return Reply("refused", used)
    result = opinion_of(choice.message.content or "", question)
    detail = "the content is not of the form asked for" if result == "malformed" else ""
    return Reply(result, used, detail=detail)


def _used(usage: msgspec.Raw) -> Tokens | None:
    """Read apart: an answer holds, whatever stands beside it."""
    try:
        counted = _USAGE.decode(usage)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return Tokens(counted.prompt_tokens, counted.completion_tokens)
