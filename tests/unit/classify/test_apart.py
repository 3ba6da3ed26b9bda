"""Tagging in a child process, with the child's work done by a stand-in in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from libs.common.errors import ChildLost, JobFailed
from libs.common.events import Mention, Rating
from services.classify.apart import WORTH_IT, Apart
from services.classify.rules import RulesClassifier, load_rules
from services.classify.tagging import InPlace, classified
from tests.unit.classify.subjects import a_mention

OWN = """language: any
cues:
  own: {label: complaint, cues: {0.9: "Quietschfidel"}}
"""


class Child:
    """Does a job at once, or fails it as a child process would. jobs: how many it got."""

    def __init__(self, lost: int = 0) -> None:
        self.jobs = 0
        self._lost = lost

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        self.jobs += 1
        if self.jobs <= self._lost:
            raise ChildLost("a child process ended before its job")
        try:
            return function(payload)
        except Exception as error:
            raise JobFailed(f"{type(error).__name__}: {error}") from error


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


def many(count: int = WORTH_IT) -> list[Mention]:
    texts = ("Die Bremse hat versagt!", "Danke, super!", "Wann kommt sie?", "Great service 🎉")
    return [
        a_mention(
            texts[n % len(texts)],
            native_id=str(n),
            title="Die Rückrufaktion" if n % 3 else None,
            rating=Rating(value=1.0, best=5.0) if n % 5 == 0 else None,
            followers=n if n % 7 else None,
        )
        for n in range(count)
    ]


async def test_it_gives_what_tagging_in_place_gives(rules: RulesClassifier) -> None:
    child, mentions = Child(), many()
    assert await Apart(rules, (), child).tag(mentions) == await InPlace(rules).tag(mentions)
    assert child.jobs == 1


async def test_a_handful_needs_no_child(rules: RulesClassifier) -> None:
    child, mentions = Child(), many(WORTH_IT - 1)
    assert await Apart(rules, (), child).tag(mentions) == await InPlace(rules).tag(mentions)
    assert child.jobs == 0


async def test_a_verdict_that_a_mention_has_already_is_replaced(rules: RulesClassifier) -> None:
    mentions = many()
    old = rules.classify([a_mention("Nie wieder!")])[0]
    again: Sequence[Mention] = [classified(mention, old) for mention in mentions]
    assert await Apart(rules, (), Child()).tag(again) == await InPlace(rules).tag(mentions)


async def test_a_lost_child_is_for_the_caller_to_try_again(rules: RulesClassifier) -> None:
    apart, mentions = Apart(rules, (), Child(lost=1)), many()
    with pytest.raises(ChildLost):
        await apart.tag(mentions)
    assert await apart.tag(mentions) == await InPlace(rules).tag(mentions)


async def test_the_child_reads_lexicons_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    rules = load_rules([own])
    mentions = [a_mention("Quietschfidel!", native_id=str(n)) for n in range(WORTH_IT)]
    tagged = await Apart(rules, [own], Child()).tag(mentions)
    assert tagged == await InPlace(rules).tag(mentions)
    assert tagged.labels == {"complaint": WORTH_IT}


@pytest.mark.parametrize("now", [OWN.replace("0.9", "0.1"), "language: klingon"])
async def test_a_lexicon_changed_since_the_start_does_not_change_verdicts(
    tmp_path: Path, now: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    rules = load_rules([own])
    own.write_text(now, encoding="utf-8")
    mentions = [a_mention("Quietschfidel!", native_id=str(n)) for n in range(WORTH_IT)]
    assert await Apart(rules, [own], Child()).tag(mentions) == await InPlace(rules).tag(mentions)
