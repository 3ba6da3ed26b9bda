"""What counts as the same word."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.common.query import ast, matches
from libs.common.query.fold import fold, tokens
from tests.unit.query.generators import a_post, texts, unhurried, words


@pytest.mark.parametrize(
    "spellings",
    [
        "Müller Mueller MUELLER müller Muller Mu\u0308ller ＭÜＬＬＥＲ 𝗠𝘂𝗲𝗹𝗹𝗲𝗿",
        "Straße STRASSE strasse Strasse",
        "Äpfel Aepfel apfel",
        "Größe Groesse GRÖSSE",
        "Ångström angstrom",
        "cœur coeur",
        "naïve naive NAÏVE",
        "ёж ЕЖ еж",
        "Mo\u00adtor Mo\u200btor motor",
        "👍 👍🏽 👍🏿",
        "❤ ❤\ufe0f",
    ],
)
def test_spellings_of_one_word(spellings: str) -> None:
    assert len({fold(word) for word in spellings.split(" ")}) == 1


@pytest.mark.parametrize(
    "word", ["quelle", "feuer", "bauer", "treue", "neue", "blaue", "steuer", "frequenz", "mayuer"]
)
def test_ue_after_a_vowel_or_q_stays(word: str) -> None:
    assert fold(word) == word


def test_an_umlaut_and_an_e_are_no_transcription() -> None:
    assert fold("Europäer") == fold("Europaeer") == "europaer"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tesla's E-Mail, 1.000 €", ["tesla", "s", "e", "mail", "1", "000"]),
        ("#Motor_Rad @Foo.bar", ["#motor_rad", "@foo", "bar"]),
        ("info@motorrad.example c#", ["info", "motorrad", "example", "c"]),
        ("brennt🔥🔥!", ["brennt", "🔥", "🔥"]),
        ("🇩🇪🇺🇸", ["🇩🇪", "🇺🇸"]),
        ("„Ach so“ – nein…", ["ach", "so", "nein"]),
        ("東京の motor", ["東", "京", "の", "motor"]),
        ("\u202eabc\u202c", ["abc"]),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert tokens(fold(text)) == expected


@unhurried
@given(texts, texts)
def test_a_word_is_folded_the_same_beside_any_other(left: str, right: str) -> None:
    together = tokens(fold(f"{left} {right}"))
    assert together == tokens(fold(left)) + tokens(fold(right))


@unhurried
@given(texts)
def test_folding_ignores_case(text: str) -> None:
    assert tokens(fold(text.lower())) == tokens(fold(text))


@unhurried
@given(words, texts, texts)
def test_a_written_word_finds_itself(word: ast.Word, before: str, after: str) -> None:
    assume(not {"*", "?"} & set(word.text))
    assert matches(word, a_post(f"{before} {word.text} {after}"))


@unhurried
@given(st.sampled_from(["Motorrad", "blaue", "Quelle", "мото", "Feuer"]), st.data())
def test_a_wildcard_stands_for_letters(word: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(word) - 1))
    assert matches(ast.Word(word[: start + 1] + "*"), a_post(word))
    assert matches(ast.Word("*" + word[start:]), a_post(word))


def test_a_wildcard_before_ue_finds_it_folded_or_not() -> None:
    query = ast.Word("*ueberall")
    assert matches(query, a_post("fastüberall"))
    assert matches(query, a_post("fastueberall"))
    assert matches(query, a_post("sowieueberall"))
