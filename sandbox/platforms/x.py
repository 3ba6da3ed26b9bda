"""X as its API v2 shows it: recent search, single posts, and the filtered stream with its rules.

https://docs.x.com/x-api
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.x_posts import (
    PROBLEMS,
    Wanted,
    first_id,
    first_id_at,
    not_found,
    number_of,
    shown_time,
    user_id,
    version_id,
    version_time,
)
from sandbox.platforms.x_query import Matches, NotAQuery, parse

LONGEST_QUERY: Final = 512
LONGEST_RULE: Final = 1024
REACH: Final = timedelta(days=7)
_LIMIT: Final = 450
_WINDOW: Final = timedelta(minutes=15)
_LOOK: Final = 0.01
"""Seconds between two looks at the board while somebody listens."""
_TOKEN: Final = "b26v"


@dataclass(slots=True)
class Day:
    """What kind of a day X has.

    usage_capped: the month's reads are used up. search_lag: seconds until search finds a post.
    keep_alive: seconds after which a stream with nothing to send shows that it lives. silent: it
    sends nothing at all. repeats: so many of the latest posts come again on a new connection.
    tells_deletions: the stream tells of them. most_connections: streams at the same time. sayings:
    lines that listeners hear next, as they are. ends: streams end once these are said. wrong_posts:
    data that stands among the posts of search.
    """

    usage_capped: bool = False
    search_lag: float = 0.0
    keep_alive: float = 20.0
    silent: bool = False
    repeats: int = 0
    tells_deletions: bool = False
    most_connections: int = 1
    sayings: deque[bytes] = field(default_factory=deque)
    ends: bool = False
    wrong_posts: list[object] = field(default_factory=list)
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    listening: int = 0
    _rule_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(11_660_001))

    def add_rule(self, value: str, tag: str | None = None) -> dict[str, str]:
        rule = {"id": str(next(self._rule_ids)), "value": value}
        if tag is not None:
            rule["tag"] = tag
        self.rules[rule["id"]] = rule
        return rule


class Refused(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def routes(board: Board, day: Day | None = None) -> list[BaseRoute]:
    platform = _X(board, day or Day())
    return [
        Route("/2/tweets/search/recent", platform.recent),
        Route("/2/tweets/search/stream", platform.stream),
        Route("/2/tweets/search/stream/rules", platform.rules),
        Route("/2/tweets/search/stream/rules", platform.change_rules, methods=["POST"]),
        Route("/2/tweets", platform.lookup),
    ]


class _X:
    def __init__(self, board: Board, day: Day) -> None:
        self._board = board
        self._day = day

    async def recent(self, request: Request) -> Response:
        try:
            self._admit(request)
            return self._answer(self._found(request.query_params))
        except Refused as refused:
            return self._answer(refused.body, refused.status)

    async def lookup(self, request: Request) -> Response:
        try:
            self._admit(request)
        except Refused as refused:
            return self._answer(refused.body, refused.status)
        shown = {post.number: post for post in self._board.shown()}
        ids = request.query_params["ids"].split(",")
        there = [shown[n] for n in map(number_of, ids) if n in shown]
        wanted = Wanted(self._board, request.query_params)
        body = wanted.data(there) if there else {}
        gone = [not_found("ids", each) for each in ids if number_of(each) not in shown]
        return self._answer(body | ({"errors": gone} if gone else {}))

    async def rules(self, request: Request) -> Response:
        try:
            self._admit(request)
        except Refused as refused:
            return self._answer(refused.body, refused.status)
        rules = list(self._day.rules.values())
        meta = {"sent": shown_time(self._board.clock()), "result_count": len(rules)}
        return self._answer(({"data": rules} if rules else {}) | {"meta": meta})

    async def change_rules(self, request: Request) -> Response:
        try:
            self._admit(request)
        except Refused as refused:
            return self._answer(refused.body, refused.status)
        asked = await request.json()
        if "delete" in asked:
            ids = asked["delete"]["ids"]
            gone = [self._day.rules.pop(each, None) for each in ids]
            deleted = sum(rule is not None for rule in gone)
            summary = {"deleted": deleted, "not_deleted": len(ids) - deleted}
            return self._answer({"meta": self._meta(summary)})
        return self._answer(self._add(asked["add"]), 201)

    async def stream(self, request: Request) -> Response:
        try:
            self._admit(request)
            if not self._day.rules:
                raise Refused(409, _problem("Rule Conflict", "no rules are set", "rule-conflict"))
            if self._day.listening >= self._day.most_connections:
                raise Refused(429, _too_many_connections())
        except Refused as refused:
            return self._answer(refused.body, refused.status)
        sent = self._lines(Wanted(self._board, request.query_params))
        return StreamingResponse(sent, 200, self._limits(), "application/json")

    def _admit(self, request: Request) -> None:
        """Raises Refused for whoever may not ask now."""
        token = request.headers.get("authorization", "")
        if self._board.refuses or not token.startswith("Bearer "):
            raise Refused(401, _plain_problem(401, "Unauthorized"))
        if self._day.usage_capped:
            capped = _problem(
                "UsageCapExceeded", "Usage cap exceeded: Monthly product cap", "usage-capped"
            )
            raise Refused(429, capped | {"period": "Monthly", "scope": "Product"})
        if self._board.wait is not None:
            raise Refused(429, _plain_problem(429, "Too Many Requests"))

    def _found(self, asked: Mapping[str, str]) -> dict[str, object]:
        matches = _understood(asked.get("query", ""), LONGEST_QUERY)
        self._check_bounds(asked)
        most = int(asked.get("max_results", 10))
        if not 10 <= most <= 100:
            raise _invalid("max_results", str(most), f"[{most}] is not between 10 and 100")
        visible = self._board.clock() - timedelta(seconds=self._day.search_lag)
        posts = [
            post
            for post in self._board.shown()
            if matches(post) and _is_within(post, asked) and version_time(post) <= visible
        ]
        posts.sort(key=version_id, reverse=True)
        if token := asked.get("next_token", asked.get("pagination_token")):
            posts = [post for post in posts if version_id(post) < _behind(token)]
        page = posts[: min(most, self._board.page_size)]
        if not page:
            return {"meta": {"result_count": 0}}
        meta: dict[str, object] = {
            "newest_id": str(version_id(page[0])),
            "oldest_id": str(version_id(page[-1])),
            "result_count": len(page),
        }
        if len(posts) > len(page):
            meta["next_token"] = f"{_TOKEN}{version_id(page[-1]):x}"
        return Wanted(self._board, asked).data(page, self._day.wrong_posts) | {"meta": meta}

    def _check_bounds(self, asked: Mapping[str, str]) -> None:
        ids, times = {"since_id", "until_id"} & {*asked}, {"start_time", "end_time"} & {*asked}
        if ids and times:
            raise _invalid(
                min(ids),
                asked[min(ids)],
                "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or"
                " 'end_time'.",
            )
        earliest = self._board.clock() - REACH
        since = asked.get("since_id")
        if since is not None and int(since) < first_id_at(earliest):
            said = f"'since_id' must be a tweet id created after [{shown_time(earliest)}]."
            raise _invalid("since_id", since, said)
        start = asked.get("start_time")
        if start is not None and _read_time(start) < earliest:
            said = f"'start_time' must be on or after {shown_time(earliest)}."
            raise _invalid("start_time", start, said)

    def _add(self, wanted: Sequence[Mapping[str, str]]) -> dict[str, object]:
        created: list[dict[str, str]] = []
        errors: list[Mapping[str, object]] = []
        invalid = 0
        for rule in wanted:
            value = rule["value"]
            same = [each for each in self._day.rules.values() if each["value"] == value]
            try:
                _understood(value, LONGEST_RULE)
            except Refused:
                invalid += 1
                said = _problem("UnprocessableEntity", f"{value!r} is no rule", "invalid-rules")
                errors.append(said | {"value": value, "id": ""})
                continue
            if same:
                twice = _problem("DuplicateRule", "", "duplicate-rules")
                errors.append(twice | {"value": value, "id": same[0]["id"]})
            else:
                created.append(self._day.add_rule(value, rule.get("tag")))
        summary = {
            "created": len(created),
            "not_created": len(errors),
            "valid": len(wanted) - invalid,
            "invalid": invalid,
        }
        body: dict[str, object] = {"meta": self._meta(summary)}
        return (
            body | ({"data": created} if created else {}) | ({"errors": errors} if errors else {})
        )

    async def _lines(self, wanted: Wanted) -> AsyncGenerator[bytes, None]:
        self._day.listening += 1
        try:
            old = self._board.shown()[self._day.repeats :]
            sent = {(post.number, post.edited_at) for post in old}
            gone = {post.number for post in self._board.everything() if post.deleted_at}
            quiet = 0.0
            while not self._day.ends or self._day.sayings:
                lines = [] if self._day.silent else self._news(wanted, sent, gone)
                quiet = 0.0 if lines else quiet + _LOOK
                if not lines and quiet >= self._day.keep_alive and not self._day.silent:
                    lines, quiet = [b""], 0.0
                for line in lines:
                    yield line + b"\r\n"
                await asyncio.sleep(_LOOK)
        finally:
            self._day.listening -= 1

    def _news(
        self, wanted: Wanted, sent: set[tuple[int, datetime | None]], gone: set[int]
    ) -> list[bytes]:
        """What became of the board since the last look, as lines."""
        lines: list[bytes] = []
        for post in reversed(self._board.shown()):
            key = (post.number, post.edited_at)
            rules = [] if key in sent else self._rules_for(post)
            sent.add(key)
            if rules:
                lines.append(_line(wanted.one(post) | {"matching_rules": rules}))
        for post in self._board.everything():
            if post.deleted_at is not None and post.number not in gone:
                gone.add(post.number)
                if self._day.tells_deletions:
                    lines.append(_line(_delete(post)))
        while self._day.sayings:
            lines.append(self._day.sayings.popleft())
        return lines

    def _rules_for(self, post: Written) -> list[dict[str, str]]:
        return [
            {"id": rule["id"], "tag": rule.get("tag", "")}
            for rule in self._day.rules.values()
            if parse(rule["value"])(post)
        ]

    def _meta(self, summary: Mapping[str, int]) -> dict[str, object]:
        return {"sent": shown_time(self._board.clock()), "summary": summary}

    def _answer(self, body: Mapping[str, object], status: int = 200) -> Response:
        return JSONResponse(body, status, self._limits())

    def _limits(self) -> dict[str, str]:
        """How many requests are left, as every answer says."""
        now, limited = self._board.clock(), self._board.wait
        reset = now + (limited or _WINDOW)
        return {
            "x-rate-limit-limit": str(_LIMIT),
            "x-rate-limit-remaining": "0" if limited else str(_LIMIT - 1),
            "x-rate-limit-reset": str(math.ceil(reset.timestamp())),
        }


def _understood(query: str, longest: int) -> Matches:
    """Raises Refused for what is no query, in X's words."""
    if len(query) > longest:
        said = f"query length must be at most {longest} characters, was {len(query)}"
        raise _invalid("query", query, said)
    try:
        return parse(query)
    except NotAQuery as error:
        said = f"There were errors processing your request: {error}"
        raise _invalid("query", query, said) from error


def _is_within(post: Written, asked: Mapping[str, str]) -> bool:
    number, at = version_id(post), version_time(post)
    return (
        number > int(asked.get("since_id", 0))
        and number < int(asked.get("until_id", 2**63))
        and ("start_time" not in asked or at >= _read_time(asked["start_time"]))
        and ("end_time" not in asked or at < _read_time(asked["end_time"]))
    )


def _behind(token: str) -> int:
    """The id that a page begins behind. Raises Refused for what is no token of ours."""
    try:
        return int(token.removeprefix(_TOKEN), 16) if token.startswith(_TOKEN) else int("")
    except ValueError:
        said = "The next_token is not valid."
        raise _invalid("next_token", token, said) from None


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _delete(post: Written) -> dict[str, object]:
    """As on the compliance stream."""
    at = post.deleted_at or post.written_at
    gone = {"id": str(first_id(post)), "author_id": user_id(post.author)}
    return {"data": {"delete": {"tweet": gone, "event_at": shown_time(at)}}}


def _problem(title: str, detail: str, name: str) -> dict[str, object]:
    return {"title": title, "detail": detail, "type": f"{PROBLEMS}{name}"}


def _plain_problem(status: int, title: str) -> dict[str, object]:
    return {"title": title, "detail": title, "type": "about:blank", "status": status}


def _invalid(parameter: str, value: str, message: str) -> Refused:
    body = _problem(
        "Invalid Request", "One or more parameters to your request was invalid.", "invalid-request"
    )
    return Refused(
        400, {"errors": [{"parameters": {parameter: [value]}, "message": message}]} | body
    )


def _too_many_connections() -> dict[str, object]:
    return _problem(
        "ConnectionException",
        "This stream is currently at the maximum allowed connection limit.",
        "streaming-connection",
    ) | {"connection_issue": "TooManyConnections"}
