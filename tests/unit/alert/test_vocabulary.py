"""The words of a watch."""

from __future__ import annotations

import msgspec
import pytest

from services.alert.vocabulary import Vocabulary, everyday, is_insult, stop_words, terms, terms_of
from tests.unit.alert.story_builders import a_voice


def test_a_term_is_a_word_without_its_ending() -> None:
    assert terms_of("Bremse Bremsen BREMSE") == ("brems",)
    assert terms_of("Müller Mueller Muller") == terms_of("Müller")
    assert terms_of("brakes brake") == ("brak",)


def test_what_says_nothing_of_a_subject_is_left_out() -> None:
    text = "Aber @anton hat mir auf https://a.example/bremse am 12.3. an b@c.example geschrieben"

    assert terms_of(text) == ("geschrieb",)


@pytest.mark.parametrize(
    "text",
    ["HTTPS://A.example/Bremse", "(http://a.example/bremse)", "Www.bremse.example", "von @Bremse"],
)
def test_no_word_is_read_from_an_address_however_it_is_written(text: str) -> None:
    assert terms_of(f"Kolben {text} Tank") == ("kolb", "tank")


def test_terms_stand_once_in_the_order_of_title_and_text() -> None:
    mention = a_voice(text="Kolben und Tank, Kolben!", title="Riss im Tank").mention

    assert terms(mention) == ("riss", "tank", "kolb")


def test_of_a_long_text_its_beginning_counts() -> None:
    assert len(terms_of(" ".join(f"{a}{b}wort" for a in "abcdefgh" for b in "klmnop"))) == 20


@pytest.mark.parametrize("text", ["", "   ", "🔥🔥🔥", "12 345", "ok", "日本語のテキスト", "\x00"])
def test_any_text_has_terms_or_none(text: str) -> None:
    assert all(term.strip() for term in terms_of(text))


def test_words_the_watch_often_has_become_usual() -> None:
    vocabulary = Vocabulary()
    before = vocabulary.share("lupora")

    for _ in range(50):
        vocabulary.take(("lupora", "ausfahr"))
        vocabulary.take(("kett",))

    assert before < 0.01
    assert vocabulary.share("lupora") == pytest.approx(0.31, abs=0.02)
    assert vocabulary.share("unerhor") < 0.001


def test_everyday_words_are_usual_from_the_first_day() -> None:
    assert Vocabulary().share("servic") > 5 * Vocabulary().share("geberzylind")


def test_many_words_that_appear_once_take_no_room() -> None:
    vocabulary = Vocabulary()

    for number in range(5000):
        vocabulary.take(("lupora", f"wort{number}", f"rede{number}"))

    assert len(msgspec.msgpack.encode(vocabulary)) < 3500
    assert vocabulary.share("lupora") > 0.5


def test_what_is_no_longer_said_fades() -> None:
    vocabulary = Vocabulary()
    for _ in range(100):
        vocabulary.take(("messe",))
    high = vocabulary.share("messe")

    for number in range(3000):
        vocabulary.take(tuple(f"w{number % 400}x{each}" for each in range(3)))

    assert vocabulary.share("messe") < high / 10


def test_an_eighth_of_the_mentions_is_learned_from_the_same_whenever() -> None:
    mentions = [a_voice(number).mention for number in range(800)]
    one, again = Vocabulary(), Vocabulary()

    for mention in mentions:
        one.learn(mention)
        again.learn(mention)

    assert one == again
    assert 60 <= one.texts <= 140


def test_the_word_lists_are_folded_and_of_use() -> None:
    assert {"nicht", "uber", "with", "because"} <= stop_words()
    assert all(0.0 < share < 0.1 for share in everyday().values())
    assert all(terms_of(word) == () for word in ("und", "über", "the", "gestern"))


def test_insults_are_told_from_words_that_begin_alike() -> None:
    assert is_insult("arschlocher")
    assert is_insult("pack")
    assert not any(map(is_insult, ("packung", "sauerstoff", "mistake", "asien")))


def test_words_are_told_apart_whatever_stands_between_them() -> None:
    assert terms_of("Bremse/Kupplung,Getriebe (Motor-Öl)") == terms_of(
        "Bremse Kupplung Getriebe Motor Öl"
    )
    words = [f"{letter}motor" for letter in "bcdfghkl"]
    assert terms_of("-".join(words)) == terms_of("-".join(words)) == tuple(words)
