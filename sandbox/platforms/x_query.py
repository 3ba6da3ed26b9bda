"""The part of X's query language that the stand-in understands.

Space is AND and binds tighter than OR; `-` negates; parentheses group. Words are found whole, in
upper or lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from sandbox.platforms.board import Written

Matches: TypeAlias = Callable[[Written], bool]
_TOKEN: Final = re.compile(r'\s*(?:(-?)"([^"]*)"|(-?\()|(\))|([^\s()"]+))')
_OLD_CODES: Final = {"he": "iw", "id": "in"}


class NotAQuery(ValueError):
    """What X would answer with 400, in its words."""


def lang_of(post: Written) -> str:
    """The language as X writes it."""
    return _OLD_CODES.get(post.lang or "", post.lang or "und")


def parse(query: str) -> Matches:
    """Whether a post is meant. Raises NotAQuery."""
    tokens = _tokens(query)
    if not tokens:
        raise NotAQuery("query parameter can not be empty")
    matches, end = _either(tokens, 0)
    if end != len(tokens):
        raise NotAQuery(f"no viable alternative at input '{tokens[end]}'")
    return matches


def _tokens(query: str) -> list[str]:
    tokens: list[str] = []
    at, query = 0, query.rstrip()
    while at < len(query):
        found = _TOKEN.match(query, at)
        if found is None:
            raise NotAQuery(f"no viable alternative at character '{query[at:].strip()[:1]}'")
        quoted = found[2]
        tokens.append(f'{found[1]}"{quoted}' if quoted is not None else found[0].strip())
        at = found.end()
    return tokens


def _either(tokens: Sequence[str], at: int) -> tuple[Matches, int]:
    ways: list[Matches] = []
    while True:
        way, at = _all(tokens, at)
        ways.append(way)
        if at >= len(tokens) or tokens[at] != "OR":
            return (lambda post: any(way(post) for way in ways)), at
        at += 1


def _all(tokens: Sequence[str], at: int) -> tuple[Matches, int]:
    parts: list[Matches] = []
    while at < len(tokens) and tokens[at] not in (")", "OR"):
        part, at = _one(tokens, at)
        parts.append(part)
    if not parts:
        raise NotAQuery("missing an operand")
    return (lambda post: all(part(post) for part in parts)), at


def _one(tokens: Sequence[str], at: int) -> tuple[Matches, int]:
    token = tokens[at]
    if token == "-(":
        raise NotAQuery("a group cannot be negated")
    if token == "(":
        inner, end = _either(tokens, at + 1)
        if end >= len(tokens) or tokens[end] != ")":
            raise NotAQuery("missing ')' at '<EOF>'")
        return inner, end + 1
    if token.startswith("-"):
        positive = _single(token[1:])
        return (lambda post: not positive(post)), at + 1
    return _single(token), at + 1


def _single(token: str) -> Matches:
    if token.startswith('"'):
        return _holding(token[1:])
    operator, colon, value = token.partition(":")
    if not colon:
        return _holding(token)
    match operator:
        case "lang":
            return lambda post: lang_of(post) == value
        case "from":
            return lambda post: post.author == value
        case "is" if value == "retweet":
            return lambda _post: False
        case "is" if value == "reply":
            return lambda post: post.answers is not None
    raise NotAQuery(f"Reference to invalid operator '{operator}'")


def _holding(words: str) -> Matches:
    wanted = _words(words)
    if not wanted:
        raise NotAQuery(f"no viable alternative at input '{words}'")

    def holds(post: Written) -> bool:
        there = _words(f"{post.title or ''} {post.text}")
        many = len(wanted)
        return any(there[at : at + many] == wanted for at in range(len(there) - many + 1))

    return holds


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
