"""The configuration file: read, with secrets filled in, validated, every error with its line.

`${NAME}` is taken from the environment, `${file:/run/secrets/name}` from a file. Findings name
file, line, path and what was expected; values stay out of them, since any of them may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from libs.common.errors import ConfigurationError
from libs.common.query import Everything, QueryError
from libs.common.query import parse as parse_query

Language: TypeAlias = Literal["de", "en"]
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"
Path_: TypeAlias = tuple[str | int, ...]

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_LONGEST: Final = timedelta(days=3650)
_SECRET: Final = re.compile(r"\$\{([^}]*)\}")
_PLAINLY: Final = {
    "extra_forbidden": "unknown key",
    "model_type": "expected keys and values, as {key: value}",
    "string_type": "expected text; put it in quotes",
    "tuple_type": "expected a list, as [one, two]",
}
"""Findings that Pydantic tells in the words of Python."""


def duration(text: object) -> object:
    """`30s`, `5m`, `2h` or `90d` as a timedelta; anything else is Pydantic's to refuse."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected a duration such as 30s, 5m, 2h or 90d")
    found = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if found > _LONGEST:
        raise ValueError("expected a duration of ten years at most")
    return found


Duration = Annotated[timedelta, BeforeValidator(duration)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Lower-case letters, digits and hyphens: fit for addresses, keys and file names."""


class Strict(BaseModel):
    """A section of the file: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _query(text: str) -> str:
    """The text, if it is a query that asks for something."""
    try:
        if isinstance(parse_query(text).query, Everything):
            raise ValueError("expected a query; an empty one would take everything")
    except QueryError as error:
        raise ValueError(f"not a query: {error}") from error
    return text


QueryText = Annotated[str, AfterValidator(_query)]
"""A query in the language of docs/query-language.md; not an empty one."""


class Watch(Strict):
    """What is watched: one query; `not` names what is never collected."""

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    query: QueryText
    not_: Annotated[QueryText | None, Field(alias="not")] = None
    languages: tuple[Language, ...] = ()
    """Mentions known to be in another language are left out; empty takes all."""


class Operations(Strict):
    """Who is told when Brandmelder itself is ill, as when a source cannot be read.

    notify: `person:anna`, `channel:ops-room`; left out, everybody who can be reached.
    after: so long a source may be ill first; what does not go away by itself is told at once.
    """

    notify: tuple[str, ...] = ()
    after: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=10)


class CommonSettings(Strict):
    """What several services need to know."""

    company: str = "Brandmelder"
    language: Language = "de"
    """Of pages and notifications; a person may choose another."""
    timezone: str = "Europe/Berlin"
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s\"<>]+$")] = "http://127.0.0.1:8080"
    """Where people and platforms reach Brandmelder. Left out, it is this machine."""
    watches: tuple[Watch, ...] = ()
    operations: Operations = Operations()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected an IANA time zone such as Europe/Berlin") from error
        return name

    @field_validator("watches")
    @classmethod
    def _unique_watches(cls, watches: tuple[Watch, ...]) -> tuple[Watch, ...]:
        return unique_ids(watches)


Item = TypeVar("Item", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)


def unique_ids(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items, if their `id`s differ; raises ValueError naming the first that repeats."""
    seen: set[str] = set()
    for item in items:
        identifier = str(getattr(item, "id", ""))
        if identifier in seen:
            raise ValueError(f"the id {identifier!r} stands here twice; expected it once")
        seen.add(identifier)
    return items


@dataclass(slots=True)
class Document:
    """A YAML document as plain values, with the line of each path."""

    name: str
    tree: Tree
    lines: dict[Path_, int] = field(default_factory=dict)

    def line(self, path: Path_) -> int:
        """The line of the path, or of its nearest ancestor that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(path: Path, model: type[S], environment: Mapping[str, str]) -> S:
    """The validated configuration. Raises ConfigurationError with every finding at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error
    return parse(text, str(path), model, environment)


def parse(text: str, name: str, model: type[S], environment: Mapping[str, str]) -> S:
    """As `load`, from text; `name` stands for the file in the findings."""
    document = _read(text, name)
    findings: list[tuple[int, str]] = []
    tree = _fill(document.tree, (), document, environment, findings)
    try:
        settings = model.model_validate(tree)
    except ValidationError as error:
        unresolved = {line for line, _ in findings}
        for details in error.errors():
            line, finding = _finding(details, document)
            if line not in unresolved:
                findings.append((line, finding))
    if findings:
        raise ConfigurationError([finding for _, finding in sorted(findings)])
    return settings


def _read(text: str, name: str) -> Document:
    try:
        root = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError([f"{name}:{line}: not valid YAML: {error.problem}"]) from error
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError([f"{name}: not valid YAML: {error}"]) from error
    if root is None:
        root = CommentedMap()
    if not isinstance(root, CommentedMap):
        raise ConfigurationError([f"{name}:1: expected a mapping with sections such as 'watches'"])
    document = Document(name, None)
    document.tree = _plain(root, (), document.lines)
    return document


def _plain(node: object, path: Path_, lines: dict[Path_, int]) -> Tree:
    if isinstance(node, CommentedMap):
        for key in node:
            # What a merge (`<<`) or a tag brought has no place of its own: its parent's is used.
            with suppress(KeyError, TypeError):
                lines[*path, str(key)] = node.lc.key(key)[0] + 1
        return {str(key): _plain(value, (*path, str(key)), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            with suppress(KeyError, TypeError):
                lines[*path, index] = node.lc.item(index)[0] + 1
        return [_plain(value, (*path, index), lines) for index, value in enumerate(node)]
    if node is None or isinstance(node, bool):
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else str(node)


def _fill(
    tree: Tree,
    path: Path_,
    document: Document,
    environment: Mapping[str, str],
    findings: list[tuple[int, str]],
) -> Tree:
    if isinstance(tree, dict):
        return {k: _fill(v, (*path, k), document, environment, findings) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_fill(v, (*path, i), document, environment, findings) for i, v in enumerate(tree)]
    if not isinstance(tree, str):
        return tree

    def value(match: re.Match[str]) -> str:
        try:
            return _secret(match[1], environment)
        except LookupError as error:
            line = document.line(path)
            findings.append((line, f"{document.name}:{line}: {_dotted(path)}: {error.args[0]}"))
            return ""

    return _SECRET.sub(value, tree)


def _secret(name: str, environment: Mapping[str, str]) -> str:
    if name.startswith("file:"):
        try:
            return Path(name.removeprefix("file:")).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise LookupError(f"cannot read the secret ${{{name}}}: {reason}") from error
    if name not in environment:
        raise LookupError(f"expected the environment variable {name} to be set")
    return environment[name]


def _finding(details: ErrorDetails, document: Document) -> tuple[int, str]:
    path = _yaml_path(details["loc"], document.tree)
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if details["type"] in _PLAINLY:
        message = _PLAINLY[details["type"]]
    elif details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        context = details["ctx"]
        path = (*path, str(context["discriminator"]).strip("'"))
        message = "field required"
        if "tag" in context:
            message = f"expected {context['expected_tags']}, found {context['tag']!r}"
    line = document.line(path)
    return line, f"{document.name}:{line}: {_dotted(path)}: {message}"


def _yaml_path(location: tuple[str | int, ...], tree: Tree) -> Path_:
    """Pydantic's location without the names of union members, which are not in the file."""
    path: Path_ = ()
    node = tree
    for position, part in enumerate(location):
        if isinstance(node, dict) and part in node:
            node = node[str(part)]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif position < len(location) - 1 or (isinstance(node, dict) and part == node.get("kind")):
            continue
        path = (*path, part)
    return path


def _dotted(path: Path_) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"
