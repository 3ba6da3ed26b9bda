"""The kinds of sources, as `brandmelder collectors` lists them."""

from __future__ import annotations

import pytest

from services.ingest.catalogue import KindOfSource, catalogue
from services.ingest.collectors import KINDS


def kind(name: str) -> KindOfSource:
    (found,) = (each for each in catalogue() if each.kind == name)
    return found


def test_every_kind_is_listed_once_by_name() -> None:
    assert [each.kind for each in catalogue()] == sorted(KINDS)
    assert len(KINDS) >= 20


@pytest.mark.parametrize("each", catalogue(), ids=lambda each: each.kind)
def test_every_kind_says_in_a_sentence_what_it_reads(each: KindOfSource) -> None:
    assert each.reads.endswith(".")
    assert 20 < len(each.reads) < 120


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("feed", "url"),
        ("reddit", "client_id, client_secret, user_agent"),
        ("x", "bearer_token"),
        ("hacker_news", "nothing"),
        ("mastodon", "instance, [token]"),
    ],
)
def test_keys_that_must_be_set_come_first_and_optional_secrets_in_brackets(
    name: str, keys: str
) -> None:
    assert kind(name).keys == keys
