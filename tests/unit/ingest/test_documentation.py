"""docs/sources.md and the example configuration say what the code can do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter
from ruamel.yaml import YAML

from libs.common.settings import Strict
from sandbox.platforms import app_store_connect, google_oauth
from services.ingest.budget import Budget
from services.ingest.collector import LooksAgain, LooksBack, SourceConfig, Tools
from services.ingest.collectors import KINDS, Source
from services.ingest.failure import Health
from services.ingest.hook import Hook
from tests.unit.ingest.building import SetClock, Unconfined

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"
PAGE: Final = (DOCS / "sources.md").read_text(encoding="utf-8")
EXAMPLE: Final = (ROOT / "brandmelder.example.yaml").read_text(encoding="utf-8")
WELL: Final = {"new", "ok", "unchanged"}

_BLOCK: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENTED_OUT: Final = re.compile(r"^  # (- \{id:.*\})(?: *#.*)?$", re.MULTILINE)
_CODE: Final = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_SECRET: Final = re.compile(r"\$\{([^}]*)\}")
_LINK: Final = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
_ROW: Final = re.compile(r"^\| .* \| \[`(\w+)`\].* \| .* \| (.*) \| (.*) \|$", re.MULTILINE)

SECRETS: Final = {
    "TELEGRAM_TOKEN": "123456:geheim",
    "ALERT_FEED": "https://www.google.example/alerts/feeds/1/2",
    "file:/run/secrets/app_store.p8": app_store_connect.private_key(),
    "file:/run/secrets/play.json": google_oauth.key_file("https://google.example"),
}
"""What fills those places of the page where not any word will do."""


def sections() -> Iterator[tuple[str, str]]:
    """The heading and the text of each section."""
    parts = re.split(r"^## (.*)$", _without_comments(PAGE), flags=re.MULTILINE)
    return zip(parts[1::2], parts[2::2], strict=True)


def _without_comments(text: str) -> str:
    """Comments in YAML begin as headings do, and name no keys."""
    return _BLOCK.sub(lambda block: re.sub(r"(^|\s)#.*$", "", block[0], flags=re.MULTILINE), text)


def sources_in(yaml: str) -> Sequence[SourceConfig]:
    filled = [_filled(entry) for entry in YAML(typ="safe").load(yaml)]
    found: Sequence[SourceConfig] = TypeAdapter(list[Source]).validate_python(filled)
    return found


def _filled(tree: object) -> object:
    match tree:
        case dict():
            return {key: _filled(value) for key, value in tree.items()}
        case list():
            return [_filled(each) for each in tree]
        case str():
            return _SECRET.sub(lambda name: SECRETS.get(name[1], "geheimes-zeichen"), tree)
    return tree


def shown() -> list[SourceConfig]:
    """Every source that the page shows."""
    return [source for block in _BLOCK.findall(PAGE) for source in sources_in(block)]


def words(text: str) -> set[str]:
    """What stands in code, in a line or a block."""
    return {word for code in _CODE.findall(text) for word in re.findall(r"\w+", code)}


def sections_inside(config: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models of a kind's own keys that have keys themselves, as `select` of pages."""
    for name in own_keys(config):
        annotation = config.model_fields[name].annotation
        for each in (annotation, *get_args(annotation)):
            if isinstance(each, type) and issubclass(each, Strict):
                yield each


def own_keys(config: type[BaseModel]) -> set[str]:
    return set(config.model_fields) - set(SourceConfig.model_fields)


def test_every_source_that_the_page_shows_is_valid_and_every_kind_is_shown() -> None:
    assert {source.kind for source in shown()} == set(KINDS)


def test_the_sources_that_the_example_has_commented_out_are_valid() -> None:
    commented = "\n".join(_COMMENTED_OUT.findall(EXAMPLE))
    assert {"x", "reddit", "trustpilot"} <= {source.kind for source in sources_in(commented)}
    assert commented.count("\n") + 1 == len(re.findall(r"^  # - ", EXAMPLE, re.MULTILINE))


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_kind_is_named_where_the_kind_is_described(kind: str) -> None:
    texts = [text for heading, text in sections() if f"`{kind}`" in heading]
    everybody = [text for heading, text in sections() if heading == "Every source"]
    assert len(texts) == len(everybody) == 1
    config = KINDS[kind]
    keys = own_keys(config).union(*(inside.model_fields for inside in sections_inside(config)))
    assert sorted(keys - words(texts[0]) - words(everybody[0])) == []


def test_the_keys_that_every_source_has_are_named() -> None:
    (text,) = (text for heading, text in sections() if heading == "Every source")
    keys = {*SourceConfig.model_fields, *Budget.model_fields}
    assert sorted(keys - words(text)) == []


def test_every_kind_of_ill_health_has_its_first_help() -> None:
    (text,) = (text for heading, text in sections() if heading == "When a source is ill")
    helped = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(helped) == sorted(set(get_args(Health)) - WELL)


async def test_the_first_table_says_whose_past_is_read_and_whose_deletions_are_asked_for() -> None:
    stated = {kind: (past != "–", "asked" in gone) for kind, past, gone in _ROW.findall(PAGE)}
    async with httpx.AsyncClient(headers={"User-Agent": "Brandmelder-Test/1"}) as client:
        tools = Tools(client, client, SetClock(), Unconfined(), ("Motorrad",))
        built = {source.kind: source.build(tools) for source in shown()}
    able = {
        kind: (isinstance(each, LooksBack), isinstance(each, LooksAgain))
        for kind, each in built.items()
    }
    assert stated == able
    assert {kind for kind, each in built.items() if isinstance(each, Hook)} == {
        "meta",
        "linkedin",
        "x_webhook",
    }


@pytest.mark.parametrize("page", ["docs/sources.md", "README.md"])
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    for target, anchor in _LINK.findall(file.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        linked = file.parent / target if target else file
        assert linked.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor[1:] in anchors(linked.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", _without_comments(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
