"""Classifying in a child process, with the child's work done by a stand-in in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from libs.common.errors import ChildLost, ConfigurationError
from libs.common.events import Author, Mention, Rating
from services.classify import linear
from services.classify.apart import Apart, load
from services.classify.classifier import Classifier, Utterance
from services.classify.linear.weights import SHIPPED, pack, unpack
from services.classify.load import OwnFiles, load_classifier, own_files
from services.classify.tagging import InPlace, classified
from tests.unit.classify.subjects import a_mention

OURS = Path(linear.__file__).with_name(SHIPPED)
OWN = """language: any
cues:
  own: {label: complaint, cues: {0.9: "Quietschfidel"}}
"""


class Child:
    """Does a job at once, or is lost. It begins as a child process would."""

    def __init__(self, own: OwnFiles | None = None, lost: int = 0) -> None:
        load(msgspec.msgpack.encode(own or OwnFiles()))
        self.lost = lost

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        if self.lost:
            self.lost -= 1
            raise ChildLost("a child process ended before its job")
        return function(payload)


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load_classifier()


def many(count: int = 200) -> list[Mention]:
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


def texts() -> list[Utterance]:
    return [
        Utterance(
            text="Quietschfidel klappert", lang="de", kind="review", rating=Rating(value=1, best=5)
        ),
        Utterance(text="", title="Es brennt!", author=Author(key="", followers=2**52)),
        Utterance(text="Grüße 🎉\x00 \ufffd"),
    ]


@pytest.mark.parametrize("count", [0, 1, 200])
async def test_it_gives_what_tagging_in_place_gives(shipped: Classifier, count: int) -> None:
    apart, mentions = await Apart.begin(Child()), many(count)
    assert await apart.tag(mentions) == await InPlace(shipped).tag(mentions)
    assert apart.name == shipped.name


async def test_texts_get_the_verdicts_that_they_get_in_place(shipped: Classifier) -> None:
    apart = await Apart.begin(Child())
    assert await apart.classify(texts()) == shipped.classify(texts())
    assert await apart.classify([]) == []


async def test_a_verdict_that_a_mention_has_already_is_replaced(shipped: Classifier) -> None:
    mentions = many()
    old = shipped.classify([a_mention("Nie wieder!")])[0]
    again: Sequence[Mention] = [classified(mention, old) for mention in mentions]
    apart = await Apart.begin(Child())
    assert await apart.tag(again) == await InPlace(shipped).tag(mentions)


async def test_a_lost_child_is_for_the_caller_to_try_again(shipped: Classifier) -> None:
    child, mentions = Child(), many()
    apart = await Apart.begin(child)
    child.lost = 1
    with pytest.raises(ChildLost):
        await apart.tag(mentions)
    assert await apart.tag(mentions) == await InPlace(shipped).tag(mentions)


async def test_the_child_has_lexicons_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    ours, apart = load_classifier([own]), await Apart.begin(Child(own_files([own])))
    assert await apart.tag(many()) == await InPlace(ours).tag(many())
    assert apart.name == ours.name


@pytest.mark.parametrize("now", [OWN.replace("0.9", "0.1"), "language: klingon", None])
async def test_a_lexicon_changed_since_the_start_does_not_change_verdicts(
    tmp_path: Path, now: str | None
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    ours, own = load_classifier([path]), own_files([path])
    if now is None:
        path.unlink()
    else:
        path.write_text(now, encoding="utf-8")
    apart = await Apart.begin(Child(own))
    assert await apart.classify(texts()) == ours.classify(texts())
    assert apart.name == ours.name


async def test_the_child_has_a_model_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(pack(replace(unpack(OURS.read_bytes(), "ours"), name="own-1")))
    ours, apart = load_classifier(model=path), await Apart.begin(Child(own_files((), path)))
    assert await apart.tag(many()) == await InPlace(ours).tag(many())
    assert apart.name == ours.name == "own-1"


@pytest.mark.parametrize(
    ("content", "finding"), [("language: klingon", "language"), (None, "cannot be read")]
)
def test_a_bad_file_of_ones_own_is_named(tmp_path: Path, content: str | None, finding: str) -> None:
    own = tmp_path / "own.yaml"
    if content is not None:
        own.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"own\.yaml.*{finding}"):
        own_files([own])


def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.npz"
    own.write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match=r"own\.npz: not a model"):
        own_files((), own)
