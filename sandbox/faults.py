"""Which faults are in force: a route answers late, wrong, endlessly, or not at all.

`sandbox/faulty_app.py` puts them into effect.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from libs.common.settings import Strict

CONTROL: Final = "/_sandbox/"
"""The sandbox's own addresses: spoiled only by a fault whose route begins so."""

REDIRECTS: Final = frozenset({301, 302, 307, 308})


class Rewrite(Strict):
    """Replaces what a regular expression finds in the body, as `re.sub` would."""

    pattern: str
    replacement: str = ""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"expected a regular expression: {error}") from error
        return pattern


class Fault(Strict):
    """Which requests are spoiled, and how.

    route: pattern of the path, in which `*` stands for anything. times: how many requests it
    spoils before it is used up; None: until it is cleared. delay: seconds before anything is sent.

    At most one of these takes the place of the real answer: body, challenge (an HTML page instead
    of the content), redirects (so many hops, then the real answer), gzip_bomb (unpacks to so many
    bytes), oversize (a feed of so many bytes), endless (a feed that never ends), reset (the
    connection breaks before any answer).

    The rest changes the answer, real or not: status; headers (null removes one); rewrite;
    charset (the text's bytes are in this one, whatever the headers say); gzip; cut (the connection
    ends after so many bytes of the body). unconditional: the server ignores validators and answers
    200 even when nothing changed.
    """

    route: str = "/*"
    times: Annotated[int, Field(ge=1)] | None = None
    delay: Annotated[float, Field(ge=0, le=3600)] = 0.0
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    headers: dict[str, str | None] = Field(default_factory=dict)
    body: str | None = None
    challenge: bool = False
    redirects: Annotated[int, Field(ge=0)] = 0
    gzip_bomb: Annotated[int, Field(ge=0)] = 0
    oversize: Annotated[int, Field(ge=0)] = 0
    endless: bool = False
    reset: bool = False
    rewrite: tuple[Rewrite, ...] = ()
    charset: str | None = None
    gzip: bool = False
    cut: Annotated[int, Field(ge=0)] | None = None
    unconditional: bool = False

    @field_validator("charset")
    @classmethod
    def _known_charset(cls, charset: str | None) -> str | None:
        if charset is not None:
            try:
                "".encode(charset)
            except LookupError as error:
                raise ValueError("expected the name of a character encoding") from error
        return charset

    @model_validator(mode="after")
    def _one_answer(self) -> Fault:
        named = {
            "body": self.body is not None,
            "challenge": self.challenge,
            "redirects": self.redirects > 0,
            "gzip_bomb": self.gzip_bomb > 0,
            "oversize": self.oversize > 0,
            "endless": self.endless,
            "reset": self.reset,
        }
        chosen = [name for name, is_chosen in named.items() if is_chosen]
        if len(chosen) > 1:
            raise ValueError(f"expected at most one of {', '.join(chosen)}")
        if self.redirects and (self.status or 301) not in REDIRECTS:
            raise ValueError("expected the status 301, 302, 307 or 308 with redirects")
        return self


class Faults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int | None]] = []

    @property
    def active(self) -> tuple[Fault, ...]:
        return tuple(fault for fault, _ in self._faults)

    def add(self, fault: Fault) -> None:
        self._faults.append((fault, fault.times))

    def clear(self) -> None:
        self._faults.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that spoils this request, if any; one of its `times` is used up."""
        for index, (fault, left) in enumerate(self._faults):
            if _fits(fault.route, path):
                if left is not None and left <= 1:
                    del self._faults[index]
                elif left is not None:
                    self._faults[index] = (fault, left - 1)
                return fault
        return None


def _fits(route: str, path: str) -> bool:
    own = path.startswith(CONTROL) and not route.startswith(CONTROL)
    return not own and fnmatchcase(path, route)
