"""Tagging in a child process, with the child's work done by a stand-in in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from libs.common.errors import ChildLost, JobFailed
from libs.common.events import Mention, Rating
from services.classify import linear
from services.classify.apart import WORTH_IT, Apart
from services.classify.classifier import Classifier
from services.classify.linear.weights import SHIPPED, pack, unpack
from services.classify.load import load_classifier
from services.classify.tagging import InPlace, classified
from tests.unit.classify.subjects import a_mention

OURS = Path(linear.__file__).with_name(SHIPPED)
OWN = """language: any
cues:
  own: {label: complaint, cues: {0.9: "Quietschfidel"}}
"""


class Child:
    """Does a job at once, or fails it as a child process would. jobs: how many it got; answered:
    how many it did."""

    def __init__(self, lost: int = 0) -> None:
        self.jobs = self.answered = 0
        self._lost = lost

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        self.jobs += 1
        if self.jobs <= self._lost:
            raise ChildLost("a child process ended before its job")
        try:
            answer = function(payload)
        except Exception as error:
            raise JobFailed(f"{type(error).__name__}: {error}") from error
        self.answered += 1
        return answer


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load_classifier()


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


async def test_it_gives_what_tagging_in_place_gives(shipped: Classifier) -> None:
    child, mentions = Child(), many()
    assert await Apart(shipped, (), None, child).tag(mentions) == await InPlace(shipped).tag(
        mentions
    )
    assert child.jobs == 1


async def test_a_handful_needs_no_child(shipped: Classifier) -> None:
    child, mentions = Child(), many(WORTH_IT - 1)
    assert await Apart(shipped, (), None, child).tag(mentions) == await InPlace(shipped).tag(
        mentions
    )
    assert child.jobs == 0


async def test_a_verdict_that_a_mention_has_already_is_replaced(shipped: Classifier) -> None:
    mentions = many()
    old = shipped.classify([a_mention("Nie wieder!")])[0]
    again: Sequence[Mention] = [classified(mention, old) for mention in mentions]
    assert await Apart(shipped, (), None, Child()).tag(again) == await InPlace(shipped).tag(
        mentions
    )


async def test_a_lost_child_is_for_the_caller_to_try_again(shipped: Classifier) -> None:
    apart, mentions = Apart(shipped, (), None, Child(lost=1)), many()
    with pytest.raises(ChildLost):
        await apart.tag(mentions)
    assert await apart.tag(mentions) == await InPlace(shipped).tag(mentions)


async def test_the_child_reads_lexicons_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    ours, mentions, child = load_classifier([own]), many(), Child()
    assert await Apart(ours, [own], None, child).tag(mentions) == await InPlace(ours).tag(mentions)
    assert child.answered == 1


@pytest.mark.parametrize("now", [OWN.replace("0.9", "0.1"), "language: klingon"])
async def test_a_lexicon_changed_since_the_start_does_not_change_verdicts(
    tmp_path: Path, now: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    ours = load_classifier([own])
    own.write_text(now, encoding="utf-8")
    mentions, child = many(), Child()
    assert await Apart(ours, [own], None, child).tag(mentions) == await InPlace(ours).tag(mentions)
    assert child.answered == 0


async def test_the_child_reads_a_model_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.npz"
    own.write_bytes(pack(replace(unpack(OURS.read_bytes(), "ours"), name="own-1")))
    ours, mentions, child = load_classifier(model=own), many(), Child()
    assert await Apart(ours, (), own, child).tag(mentions) == await InPlace(ours).tag(mentions)
    assert (child.answered, ours.name) == (1, "own-1")
