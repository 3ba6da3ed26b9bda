"""One line out per line in, in order, whatever the lines are."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from libs.common.events import Classification
from services.classify.classifier import Subject
from services.classify.lines import BATCH, classify_lines


class Echo:
    """Says how it was asked in place of the model's name."""

    name = "echo-1"

    def classify(
        self, subjects: Sequence[Subject], *, reasons: bool = True
    ) -> list[Classification]:
        return [_echoed(subject, reasons) for subject in subjects]


def _echoed(subject: Subject, reasons: bool) -> Classification:
    rating = subject.rating and f"{subject.rating.value:g}/{subject.rating.best:g}"
    followers = subject.author and subject.author.followers
    said = (subject.title, subject.text, subject.lang, subject.kind, rating, followers, reasons)
    return Classification(label="other", scores={}, severity=0.0, model=repr(said))


def answered(*lines: str | bytes, reasons: bool = True) -> list[dict[str, object]]:
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    out = b"".join(classify_lines(Echo(), raw, reasons=reasons))
    return [json.loads(line) for line in out.splitlines()]


def test_what_is_known_about_a_text_is_passed_on() -> None:
    [answer] = answered(
        '{"title": "A", "text": "b", "lang": "de", "kind": "review", "rating": 2,'
        ' "author": {"followers": 7}, "id": "ignored"}'
    )
    assert answer["model"] == repr(("A", "b", "de", "review", "2/5", 7, True))


def test_a_rating_may_have_a_scale_and_an_author_may_be_a_name() -> None:
    [answer] = answered('{"text": "b", "rating": {"value": 7, "best": 10}, "author": "anna"}')
    assert answer["model"] == repr((None, "b", None, "post", "7/10", None, True))


def test_reasons_may_be_left_out() -> None:
    [answer] = answered('{"text": "b"}', reasons=False)
    assert answer["model"] == repr((None, "b", None, "post", None, None, False))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "line 2: Input data was truncated"),
        ("nope", "line 2: JSON is malformed"),
        ('{"lang": "de"}', "line 2: Object missing required field `text`"),
        ('{"text": 3}', "line 2: Expected `str`, got `int` - at `$.text`"),
        ('{"text": "a", "kind": "poem"}', "line 2: Invalid enum value 'poem' - at `$.kind`"),
        ('{"text": "a", "rating": -1}', "line 2: Expected `float` >= 0.0 - at `$.rating`"),
        (b'{"text": "\xff"}', "line 2: "),
        ('{"text": "a", "author": {"followers": ' + "9" * 400 + "}}", "line 2: "),
        ('{"text": "a", "x": ' + "[" * 100_000 + "}", "line 2: "),
        ("[1, 2]", "line 2: Expected `object`, got `array`"),
    ],
)
def test_a_line_that_cannot_be_read_gets_an_error_in_its_place(line: str | bytes, why: str) -> None:
    first, bad, last = answered('{"text": "before"}', line, '{"text": "after"}')
    assert "before" in str(first["model"])
    assert str(bad["error"]).startswith(why)
    assert "after" in str(last["model"])


def test_many_lines_keep_their_order() -> None:
    count = 3 * BATCH + 1
    answers = answered(*(json.dumps({"text": f"<{n}>"}) for n in range(count)))
    assert [f"<{n}>" in str(answer["model"]) for n, answer in enumerate(answers)] == [True] * count


def test_nothing_in_is_nothing_out() -> None:
    assert answered() == []
