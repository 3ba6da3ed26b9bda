"""A story in one line, and in five mentions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alert.headline import headline, subject, telling
from services.alert.page import Quote
from services.alert.vocabulary import Vocabulary, terms_of
from tests.unit.alert.story_builders import BRAKES, MORNING, TANKS

TITLE = "Produkt gefährdet Menschen"
ENGLISH = (
    "Front brake lever went straight to the bar on my Lupora.",
    "Brake lever to the bar this morning, nearly hit a farm gate.",
    "My front brake lever is flat against the bar too.",
    "Dealer says the brake lever is fine. It is not.",
)


def a_quote(
    number: int,
    text: str | None,
    *,
    platform: str = "forum",
    severity: float = 0.6,
    followers: int | None = None,
    words: tuple[str, ...] = (),
) -> Quote:
    return Quote(
        mention=f"m{number:03}",
        text=text,
        url=None,
        source=platform,
        platform=platform,
        published_at=MORNING + timedelta(minutes=number),
        label="crisis_candidate",
        severity=severity,
        words=words,
        followers=followers,
    )


def quotes(*texts: str) -> list[Quote]:
    return [a_quote(number, text) for number, text in enumerate(texts)]


def a_vocabulary() -> Vocabulary:
    """Of a watch whose people speak of their Lupora every third time."""
    vocabulary = Vocabulary()
    for number in range(120):
        text = "Lupora Ausfahrt mit der Gruppe" if number % 3 else "Kette und Reifen"
        vocabulary.take(terms_of(text))
    return vocabulary


def test_a_headline_says_what_is_distinctive_with_watch_and_playbook() -> None:
    told = headline(quotes(*BRAKES), "Motorrad AG", TITLE, a_vocabulary())

    assert told == "Motorrad AG: Bremse versagt, Hebel (Produkt gefährdet Menschen)"


def test_phrases_are_preferred_and_keep_their_small_words() -> None:
    scratches = (
        "Kratzer im Tank nach der Inspektion, nicht zu fassen.",
        "Wieder ein Kratzer im Tank, Werkstatt streitet ab.",
        "Auch bei mir: Kratzer im Tank und eine Delle.",
    )

    assert subject(quotes(*scratches), "Motorrad AG", a_vocabulary()) == ("Kratzer im Tank",)


def test_an_english_story_has_an_english_headline() -> None:
    told = headline(quotes(*ENGLISH), "Motorrad AG", "Product puts people at risk", Vocabulary())

    assert "brake lever" in told.casefold()
    assert told.endswith("(Product puts people at risk)")


def test_of_two_languages_the_one_that_more_use_speaks() -> None:
    said = subject(quotes(*BRAKES, *ENGLISH[:3]), "Motorrad AG", a_vocabulary())

    assert "lever" not in " ".join(said)


def test_without_anything_to_say_it_is_the_title() -> None:
    deleted = [a_quote(1, None), a_quote(2, "🔥🔥"), a_quote(3, "")]

    assert headline(deleted, "Motorrad AG", TITLE, Vocabulary()) == f"Motorrad AG: {TITLE}"


def test_unrelated_complaints_are_not_forced_into_one_line() -> None:
    unrelated = (
        "Sitzbank hart wie ein Brett",
        "Onlineshop stürzt beim Warenkorb ab",
        "Katalog kam verknickt an",
        "Parkplatz am Autohaus zu eng",
        "Kaffeeautomat im Showroom kaputt",
    )

    assert subject(quotes(*unrelated), "Motorrad AG", a_vocabulary()) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Bremse versagt, @heiner_m hat gelogen, Vollidioten!",
        "Bremse versagt und Herr Krautwurst vom Service, der Lügner, lacht nur.",
        "Frau Dr. Krautwurst sagt: Bremse versagt, na und. Vollidioten!",
    ],
)
def test_nobody_is_named_or_insulted(text: str) -> None:
    also = "Bremse versagt, mir auch passiert."

    told = headline(quotes(text, also), "M", TITLE, Vocabulary())

    assert "Bremse versagt" in told
    assert not any(word in told for word in ("heiner", "Krautwurst", "idiot", "Lügner"))


def test_shouting_is_written_calmly() -> None:
    loud = quotes("BREMSE defekt", "Meine BREMSE", "Schon wieder BREMSE!")

    assert subject(loud, "M", Vocabulary()) == ("Bremse",)


def test_the_watch_is_not_named_twice() -> None:
    said = subject(
        quotes("Nordwind Tank undicht", "Tank undicht bei Nordwind"), "Nordwind", Vocabulary()
    )

    assert said == ("Tank undicht",)


def test_copies_do_not_decide_what_a_story_is_about() -> None:
    copied = "Boykottiert diese Firma, kauft lieber beim Wettbewerb, teilt das überall"

    said = subject(quotes(*BRAKES, *[copied] * 30), "Motorrad AG", a_vocabulary())

    assert said[0] == "Bremse versagt"


def test_the_five_that_tell_it_best_come_by_time_and_from_everywhere() -> None:
    forum = [a_quote(number, text) for number, text in enumerate((*BRAKES, *TANKS))]
    news = a_quote(40, "Motorrad AG: Bremse versagt reihenweise, Amt prüft", platform="news")
    loud = a_quote(41, "Bremse versagt. Passt auf euch auf!", platform="x", followers=900_000)

    told = telling([*forum, news, loud], a_vocabulary())

    assert len(told) == 5
    assert told[0] == forum[0]
    assert {news, loud} <= set(told)
    assert list(told) == sorted(told, key=lambda quote: quote.published_at)


def test_no_two_of_the_five_say_nearly_the_same() -> None:
    copies = [a_quote(n, BRAKES[0] + " Teilen!" * (n % 2)) for n in range(20)]

    assert len(telling(copies, Vocabulary())) == 1


def test_what_was_deleted_tells_nothing() -> None:
    assert telling([a_quote(1, None)], Vocabulary()) == ()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(max_size=120) | st.sampled_from((*BRAKES, *ENGLISH)), max_size=12))
def test_any_texts_make_one_line_and_at_most_five_mentions(texts: list[str]) -> None:
    told = quotes(*texts)

    line = headline(told, "Motorrad AG", TITLE, Vocabulary())

    assert line.startswith("Motorrad AG: ")
    assert "\n" not in line
    assert line == headline(list(told), "Motorrad AG", TITLE, Vocabulary())
    assert len(telling(told, Vocabulary())) <= 5
