"""What a person says, on values alone."""

import pytest

from libs.common.events import Label, to_json
from libs.common.problems import FieldError
from libs.common.query import matches, parse
from services.query.correction import (
    Corrected,
    contradictions,
    missing_cues,
    severity_of,
    shown,
    shown_body,
    shown_of,
)
from tests.unit.query_service.building import NOON, a_classification, a_correction, a_mention


@pytest.mark.parametrize(
    ("label", "said", "classified", "shown_severity"),
    [
        ("complaint", 0.2, 0.9, 0.2),
        ("complaint", None, 0.3, 0.3),
        ("complaint", None, 0.9, 0.5),
        ("question", None, 0.9, 0.5),
        ("crisis_candidate", None, 0.2, 0.5),
        ("crisis_candidate", None, 0.8, 0.8),
        ("crisis_candidate", 0.95, 0.1, 0.95),
        ("praise", None, 0.9, 0.0),
        ("other", None, 0.9, 0.0),
    ],
)
def test_the_severity_is_the_persons_or_what_fits_the_label(
    label: Label, said: float | None, classified: float, shown_severity: float
) -> None:
    assert severity_of(label, said, classified) == shown_severity


def test_what_does_not_go_together_is_named() -> None:
    assert contradictions(a_correction("praise", severity=0.4, theme="fire")) == [
        FieldError("#/severity", "Expected 0 or nothing for praise."),
        FieldError("#/theme", "Expected none: only crisis candidates have a theme."),
    ]
    assert contradictions(a_correction("crisis_candidate", severity=0.4)) == [
        FieldError("#/severity", "Expected 0.5 or more for a crisis candidate.")
    ]
    assert contradictions(a_correction("crisis_candidate", severity=0.5, theme="fire")) == []
    assert contradictions(a_correction("other", severity=0.0)) == []


def test_a_cue_stands_in_the_title_or_in_the_text() -> None:
    mention = a_mention(text="Die Bremse versagt", title="Achtung")
    assert missing_cues(mention, ["Bremse", "Achtung", "bremse", "Achtung\nDie"]) == [2, 3]


def test_the_verdict_stays_beside_what_the_person_says() -> None:
    mention = a_mention(label="complaint")
    told = shown_of(shown_body(to_json(mention), a_correction("praise").mark))
    assert told.classification == mention.classification
    assert told.corrected == Corrected(label="praise", severity=0.0, by="Anna", at=NOON)


def test_what_nobody_corrected_is_shown_as_it_is_stored() -> None:
    mention = a_mention()
    assert shown_body(to_json(mention), None) == to_json(mention)
    assert shown(mention, None) is mention


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("label:praise", True),
        ("label:complaint", False),
        ("NOT label:complaint", True),
        ("severity>=0.1", False),
        ("severity=0", True),
        ("bremse", True),
    ],
)
def test_queries_go_by_what_the_person_says(query: str, fits: bool) -> None:
    mention = a_mention(classification=a_classification("complaint", severity=0.4))
    told = shown(mention, a_correction("praise").mark)
    assert matches(parse(query).query, told) is fits
