"""Corrections as lines of the corpus."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from libs.common.events import LABELS, ClassifiedMention, Kind, Label, Rating, Reason
from libs.common.taxonomy import Theme
from services.query.corrections import Corrected
from services.query.samples import LONGEST_TEXT, Sample, sample_of
from tests.unit.query_service.building import a_classification, a_correction, a_mention
from training import corpus


def a_sample(label: Label = "praise", **fields: Any) -> Sample:
    """The sample of a mention with these fields that Anna says is this."""
    said = {name: fields.pop(name) for name in ("severity", "theme", "cues") if name in fields}
    sample = sample_of(
        Corrected(a_mention(lang="de", **fields), a_correction(label, **said)),
        "automotive",
        nothing_more,
    )
    assert isinstance(sample, Sample), sample
    return sample


def nothing_more(mention: ClassifiedMention) -> tuple[Reason, ...]:
    return ()


def a_reason(cue: str, weight: float, label: Label = "crisis_candidate") -> Reason:
    return Reason(cue=cue, field="text", label=label, weight=weight)


def test_a_line_holds_what_the_person_says_of_the_text() -> None:
    sample = a_sample(
        "complaint",
        title="Mein Eindruck",
        text="Die Bremse quietscht, seit Wochen.",
        kind="review",
        rating=Rating(value=4, best=10),
        severity=0.3,
        cues=("quietscht", "seit Wochen"),
    )
    assert sample == Sample(
        text="Mein Eindruck\nDie Bremse quietscht, seit Wochen.",
        lang="de",
        label="complaint",
        severity=0.3,
        kind="review",
        industry="automotive",
        cues=("quietscht", "seit Wochen"),
        rating=2,
    )


def test_a_text_that_was_edited_since_is_not_what_the_person_meant() -> None:
    edited = Corrected(a_mention(lang="de"), a_correction(), edited=True)
    assert sample_of(edited, "automotive", nothing_more) == "edited since"


def test_nobody_is_named_beside_the_text() -> None:
    line = msgspec.json.encode(a_sample(text="@MotorradAG Danke!")).decode()
    assert "anna" not in line
    assert "forum.example" not in line
    assert "MotorradAG" not in line


def test_cues_are_masked_as_the_text_and_go_with_it() -> None:
    sample = a_sample(
        text="Danke @MotorradAG, super", cues=("Danke @MotorradAG", "super", "edited away")
    )
    assert sample.cues == ("Danke @user", "super")


def test_a_long_text_is_cut() -> None:
    assert len(a_sample(title="t" * 2_000, text="x" * 9_000).text) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("said", "reasons", "theme"),
    [
        ("fire", ["injury"], "fire"),
        (None, ["irony", "boycott_call"], "boycott"),
        (None, ["environmental_damage"], "environment"),
        (None, ["legal_action"], "legal"),
        (None, ["press_enquiry"], "press"),
        (None, ["fire", "injury"], "injury"),
    ],
)
def test_the_theme_of_a_crisis_is_what_was_said_or_the_weightiest_reason(
    said: Theme | None, reasons: list[str], theme: Theme
) -> None:
    verdict = msgspec.structs.replace(
        a_classification(), reasons=tuple(a_reason(cue, n) for n, cue in enumerate(reasons))
    )
    assert a_sample("crisis_candidate", theme=said, classification=verdict).theme == theme


def test_a_crisis_that_the_verdict_missed_is_looked_at_more_closely() -> None:
    verdict = msgspec.structs.replace(
        a_classification(), reasons=(a_reason("press", 1.0, label="complaint"),)
    )
    corrected = Corrected(
        a_mention(lang="de", classification=verdict), a_correction("crisis_candidate")
    )
    sample = sample_of(corrected, "other", lambda mention: [a_reason("injury", 0.1)])
    assert isinstance(sample, Sample)
    assert sample.theme == "injury"
    assert sample_of(corrected, "other", nothing_more) == "a crisis without a theme"


@pytest.mark.parametrize(
    ("label", "fields", "why"),
    [
        ("praise", {"lang": "fr"}, "neither German nor English"),
        ("praise", {"text": "  "}, "no text"),
        ("crisis_candidate", {}, "a crisis without a theme"),
    ],
)
def test_what_cannot_stand_in_the_corpus_says_why(
    label: Label, fields: dict[str, Any], why: str
) -> None:
    mention = a_mention(**({"lang": "de"} | fields))
    assert sample_of(Corrected(mention, a_correction(label)), "other", nothing_more) == why


def test_the_language_is_the_platforms_else_the_classifiers() -> None:
    assert a_sample().lang == "de"
    told = sample_of(Corrected(a_mention(lang="en-GB"), a_correction()), "other", nothing_more)
    assert isinstance(told, Sample)
    assert told.lang == "en"


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("classified", [0.0, 0.4, 1.0])
def test_the_corpus_takes_every_line(label: Label, classified: float, tmp_path: Path) -> None:
    verdict = msgspec.structs.replace(
        a_classification("other", severity=classified), reasons=(a_reason("recall", 1.0),)
    )
    lines = [
        a_sample(label, kind=kind, rating=rating, classification=verdict, cues=("Bremse",))
        for kind in get_args(Kind)
        for rating in (None, Rating(value=0, best=5), Rating(value=9.6, best=10))
    ]
    (tmp_path / "own.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
    samples = corpus.read(tmp_path)
    assert [sample.label for sample in samples] == [label] * len(lines)
    assert msgspec.to_builtins(samples) == msgspec.to_builtins(lines)
