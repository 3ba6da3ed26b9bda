"""The trained classifier as the pipeline uses it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from libs.common.events import LABELS, Author, Classification, Rating
from services.classify.classifier import Utterance
from services.classify.linear.classifier import TrainedClassifier
from services.classify.linear.weights import pack, shipped, unpack
from services.classify.rules import load_rules


@pytest.fixture(scope="module")
def classifier() -> TrainedClassifier:
    return TrainedClassifier(shipped(), load_rules())


def judged(classifier: TrainedClassifier, *texts: str) -> list[Classification]:
    return classifier.classify([Utterance(text=text) for text in texts])


ODD: Sequence[str] = (
    "",
    " \n\t ",
    "😀😀😀",
    "👍",
    "https://example.org/a?b=c",
    "@jemand",
    "\x00\x01\x1b[31m\x7f",
    "\u202eשלום עולם مرحبا\u202c",
    "Привет wie geht's 你好",
    "\ud800 halb \udfff",
    "<p>Das <b>ist</b> &amp; HTML</p><script>alert(1)</script>",
    "a" * 1_000_000,
    "!" * 1_000_000,
    "nicht " * 200_000,
    "\u0308" * 5_000,
    "ü" * 20_000,
    "'" * 20_000,
    "www." * 10_000,
    "@" * 20_000,
)


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:12]))
def test_whatever_comes_gets_a_verdict(classifier: TrainedClassifier, text: str) -> None:
    [verdict] = judged(classifier, text)
    assert verdict.label in LABELS
    assert set(verdict.scores) == set(LABELS)
    assert all(0 <= score <= 1 for score in verdict.scores.values())
    assert 0 <= verdict.severity <= 1
    assert all(0 <= one.start < one.end <= len(text) for one in verdict.reasons)


@pytest.mark.parametrize("text", ["", " ", "https://example.org", "@jemand"])
def test_what_says_nothing_is_other_and_uncertain(classifier: TrainedClassifier, text: str) -> None:
    [verdict] = judged(classifier, text)
    assert (verdict.label, verdict.uncertain, verdict.lang) == ("other", True, None)


def test_random_characters_never_fail(classifier: TrainedClassifier) -> None:
    chance = random.Random(4)
    texts = [
        "".join(chr(chance.choice((32, chance.randrange(0x250), chance.randrange(0x11_0000))))
                for _ in range(chance.randrange(60)))
        for _ in range(500)
    ]  # fmt: skip
    assert len(judged(classifier, *texts)) == 500


def test_reasons_point_at_words_of_title_and_text(classifier: TrainedClassifier) -> None:
    title, text = "Danke, danke, ein super Service", "Das Personal war sehr freundlich 👍"
    [verdict] = classifier.classify([Utterance(title=title, text=text)])
    assert verdict.label == "praise"
    places = {"title": title, "text": text}
    marked = dict.fromkeys(places, "")
    for reason in verdict.reasons:
        assert reason.field in places
        words = places[reason.field][reason.start : reason.end]
        assert words == words.strip() != ""
        marked[reason.field] += words.casefold()
    assert "danke" in marked["title"]
    assert "freundlich" in marked["text"]


def test_reasons_may_be_left_out(classifier: TrainedClassifier) -> None:
    subjects = [Utterance(text="Danke für den tollen Service!", kind="review")]
    [with_reasons], [without] = (
        classifier.classify(subjects, reasons=reasons) for reasons in (True, False)
    )
    assert with_reasons.reasons
    assert not without.reasons
    assert (without.label, without.scores) == (with_reasons.label, with_reasons.scores)


def test_the_platforms_word_on_the_language_goes_first(classifier: TrainedClassifier) -> None:
    text = "The train is late again and nobody tells us why"
    said, unsaid = classifier.classify([Utterance(text=text, lang="de-AT"), Utterance(text=text)])
    assert (said.lang, unsaid.lang) == ("de", "en")


def test_a_third_language_is_neither_and_uncertain(classifier: TrainedClassifier) -> None:
    [verdict] = judged(classifier, "Le train est encore en retard et personne ne nous dit pourquoi")
    assert (verdict.lang, verdict.uncertain) == (None, True)


def test_the_rules_raise_a_danger_that_the_model_misses(classifier: TrainedClassifier) -> None:
    [verdict] = judged(classifier, "Bei 120 auf der A8 keine Bremswirkung mehr, Tochter saß drin")
    assert verdict.label == "crisis_candidate"
    assert verdict.severity >= 0.7
    assert {reason.cue for reason in verdict.reasons} >= {"safety_defect"}


def test_stars_count(classifier: TrainedClassifier) -> None:
    text = "Das Zimmer lag zum Hof."
    low, high = classifier.classify(
        [
            Utterance(text=text, kind="review", rating=Rating(value=stars, best=5.0))
            for stars in (1.0, 5.0)
        ]
    )
    assert low.scores["complaint"] > high.scores["complaint"]
    assert high.scores["praise"] > low.scores["praise"]


def test_reach_makes_a_crisis_more_severe(classifier: TrainedClassifier) -> None:
    text = "Rückruf: Glassplitter im Babybrei, mehrere Kinder im Krankenhaus"
    few, many = classifier.classify(
        [
            Utterance(text=text, author=Author(key="a", followers=followers))
            for followers in (10, 200_000)
        ]
    )
    assert few.label == many.label == "crisis_candidate"
    assert many.severity >= few.severity > 0.5


def test_a_model_survives_its_file() -> None:
    file = pack(shipped())
    assert pack(unpack(file, "again")) == file


def test_the_shipped_model_is_small() -> None:
    assert len(pack(shipped())) <= 8_000_000
