from __future__ import annotations

from services.ingest.opening import Needed, needed_words
from tests.unit.ingest.building import a_watch


def test_every_watch_finds_its_words_and_each_is_asked_for_once() -> None:
    watches = [a_watch("a", "Motorrad OR bremse"), a_watch("b", "motorrad AND kette")]
    assert needed_words(watches) == Needed(("motorrad", "bremse"), suffice=True)


def test_the_words_do_not_suffice_when_a_watch_asks_for_none() -> None:
    watches = [a_watch("a", "motorrad"), a_watch("b", "site:fanclub.example")]
    assert needed_words(watches) == Needed(("motorrad",), suffice=False)
