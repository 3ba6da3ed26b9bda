"""What every kind of source promises. A new kind adds its example here."""

from __future__ import annotations

from typing import get_args

import httpx
import pytest
from pydantic import SecretStr, TypeAdapter

from services.ingest.collector import CollectionFailed, SourceConfig, Unreachable
from services.ingest.collectors import Source
from tests.unit.ingest.building import tools_over

EXAMPLES: dict[str, dict[str, object]] = {
    "feed": {"url": "https://ann:geheim@news.example/feed.xml?key=geheim"},
}
KINDS = {kind.model_fields["kind"].default: kind for kind in get_args(Source) or (Source,)}


def an_example(kind: str) -> SourceConfig:
    source: SourceConfig = TypeAdapter(Source).validate_python(
        {"id": "example", "kind": kind, **EXAMPLES[kind]}
    )
    return source


def test_every_kind_has_an_example() -> None:
    assert KINDS.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_shown_of_a_source_holds_no_secret(kind: str) -> None:
    source = an_example(kind)
    shown = f"{source.address} {source.host} {source.place}"
    assert "geheim" not in shown
    secrets = [v for v in dict(source).values() if isinstance(v, SecretStr)]
    assert not any(secret.get_secret_value() in shown for secret in secrets)
    assert source.host


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("cursor", [None, "", "garbage", "{}"])
async def test_a_dead_server_is_a_collection_failure_whatever_the_cursor(
    kind: str, cursor: str | None
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(Unreachable) as raised:
        await an_example(kind).build(tools_over(refuse)).collect(cursor)
    assert isinstance(raised.value, CollectionFailed)
    assert "geheim" not in str(raised.value)
