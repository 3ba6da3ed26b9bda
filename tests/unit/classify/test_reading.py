"""Where reasons point, and texts that nobody wrote for a classifier."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libs.common.events import Classification, to_json
from libs.common.query.fold import fold
from services.classify.reading import READ_CHARACTERS, read
from services.classify.rules import RulesClassifier, load_rules
from tests.unit.classify.subjects import a_mention

PIECES = (
    "Bremse", "versagt", "BREMSEN", "Unverschämtheit", "unverschaemt", "gut", "nicht", "kein",
    "Problem", "Feuer", "brennt", "schön", "schon", "Wann kommt", "?", "!", "😡", "❤️", "👍🏽",
    "½", "ﬃ", "¨", "…", "„", "don’t", "a\u0308", "\u200b", "\u00ad", "\x00", "\ud800", "ß", "İ",
    "https://example.org/feuer", "@name", "#fail", ":(", "\n", "\u2028", "3.5", "1 000", "the",
    "brakes", "failed", "thanks for nothing", "مكابح", "刹车失灵", "𝐁𝐫𝐞𝐦𝐬𝐞", "-", "|", "'", "_",
)  # fmt: skip
SPACES = st.sampled_from(("", " ", "  ", "\t", "\n", "\u00a0"))
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.one_of(st.sampled_from(PIECES), SPACES), max_size=40).map("".join),
)


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


@given(title=st.none() | TEXTS, text=TEXTS)
@example(title="½ ¨", text="a\u0308rgerlich ¨ \ud800 ½ Unverschämtheit")
@settings(max_examples=300, deadline=None)
def test_tokens_lie_in_the_text_in_order_and_fold_to_the_words(
    title: str | None, text: str
) -> None:
    reading = read(title, text)
    starts = reading.starts(len(reading.tokens))
    assert len(reading.words) == len(reading.tokens)
    assert reading.folded == f" {' '.join(reading.words)} "
    assert len(reading.text) == len(text)
    stop = 0
    for number, (token, start) in enumerate(zip(reading.tokens, starts, strict=True)):
        if number == reading.title_tokens - 1:
            continue
        stop = 0 if number in (0, reading.title_tokens) else stop
        field = reading.title if number < reading.title_tokens else reading.text
        assert start >= stop
        stop = start + len(token)
        assert field[start:stop] == token


@given(title=st.none() | TEXTS, text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_reason_points_at_what_folds_to_its_cue(title: str | None, text: str) -> None:
    rules = _RULES
    [verdict] = rules.classify([a_mention(text, title=title, lang="de")])
    for reason in verdict.reasons:
        field = title if reason.field == "title" else text
        assert field is not None
        assert 0 <= reason.start < reason.end <= len(field)
        evidence = read(None, field[reason.start : reason.end])
        literals = _LITERALS[reason.cue.removeprefix("no_").removeprefix("not_")]
        assert any(literal in evidence.folded for literal in literals), (reason, evidence)


def _literals_by_cue() -> dict[str, set[str]]:
    literals: dict[str, set[str]] = {}
    for entry in _RULES.entries("de"):
        for part in entry.cue.parts:
            literals.setdefault(entry.name, set()).update(part)
            literals.setdefault("irony", set()).update(part if entry.ironic else ())
    return literals


_RULES = load_rules()
_LITERALS = _literals_by_cue()


def test_offsets_count_code_points_of_the_original(rules: RulesClassifier) -> None:
    text = "😡 „Bremsen­“ — https://example.org/x  UNVERSCHÄMTHEIT!"
    [verdict] = rules.classify([a_mention(text, lang="de")])
    spans = {reason.cue: text[reason.start : reason.end] for reason in verdict.reasons}
    assert spans["anger"] == "😡"
    assert spans["complaint"] == "UNVERSCHÄMTHEIT"


def test_the_reason_for_parts_that_stand_apart_spans_them(rules: RulesClassifier) -> None:
    text = "Gestern hat die Bremse am Berg plötzlich versagt."
    [verdict] = rules.classify([a_mention(text)])
    spans = {text[r.start : r.end] for r in verdict.reasons if r.cue == "safety_defect"}
    assert "Bremse am Berg plötzlich versagt" in spans


def test_parts_in_different_sentences_do_not_join(rules: RulesClassifier) -> None:
    [verdict] = rules.classify([a_mention("Neue Bremse. Der Lack hat versagt.")])
    assert verdict.scores["crisis_candidate"] == 0


ODD = {
    "nothing": "",
    "spaces": " \n\t\u00a0",
    "only emoji": "😀😡🔥" * 100,
    "only a link": "https://example.org/a?b=c#d",
    "control characters": "\x00\x01\x02\x1b[31m\x7f",
    "right to left": "\u202eتوقفت المكابح\u202c",
    "lone surrogates": "\ud800Bremse\udfff",
    "markup": "<b>Bremse</b> &nbsp; <script>alert('versagt')</script>",
    "one megabyte of words": "Bremse versagt nicht schlecht! " * 33_000,
    "one megabyte of one word": "a" * 1_000_000,
    "one megabyte of signs": "?!" * 500_000,
    "one megabyte of negations": "nicht kein ohne Problem schlecht " * 32_000,
    "one megabyte of handles": "@a." * 333_000,
    "one megabyte of fractions": "½ " * 500_000,
    "one megabyte of marks": "a\u0308 " * 333_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_any_text_gets_a_bounded_answer_quickly(rules: RulesClassifier, text: str) -> None:
    mentions = [a_mention(text), a_mention(text, title=text, lang="de"), a_mention(text, lang="en")]
    for mention in mentions:
        begun = time.process_time()
        [verdict] = rules.classify([mention])
        seconds = time.process_time() - begun
        assert isinstance(verdict, Classification)
        assert len(to_json(verdict)) < 3_000
        # 50 ms is the promise; the rest is room for a busy test machine.
        assert seconds < 0.25


def test_only_the_beginning_of_a_long_text_is_read(rules: RulesClassifier) -> None:
    filler = "Es folgt der Bericht vom Treffen am See. " * (READ_CHARACTERS // 40)
    [verdict] = rules.classify([a_mention(f"{filler} Die Bremse hat versagt!")])
    assert verdict.label == "other"


def test_letters_in_disguise_are_read_as_what_they_look_like(rules: RulesClassifier) -> None:
    [verdict] = rules.classify([a_mention("Die 𝐁𝐫𝐞𝐦𝐬𝐞 hat ｖｅｒｓａｇｔ", lang="de")])
    assert verdict.label == "crisis_candidate"


def test_folding_is_that_of_the_query_language() -> None:
    assert read(None, "Müller straße").words == [fold("Müller"), fold("Straße")]
