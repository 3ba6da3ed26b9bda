"""Which voices tell the same story."""

from __future__ import annotations

from itertools import chain

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.query.fold import fold
from services.alert.detector import Voice
from services.alert.stories import Stories
from services.alert.story import Story
from services.alert.vocabulary import terms
from tests.unit.alert.story_builders import BRAKES, LEAK, TANKS, a_voice

SAFETY = "product-safety"
ANNOYED = "service-failure"
DAY = 24 * 60
SUBJECTS = [
    "Kette",
    "Sattel",
    "Tacho",
    "Lack",
    "Öl",
    "Reifen",
    "Motor",
    "Licht",
    "Filiale",
    "Vertrag",
    "Schlüssel",
]
"""Three more than stories are kept."""


def placed(stories: Stories, voices: list[tuple[Voice, str]]) -> list[str]:
    return [stories.place(voice, playbook).key for voice, playbook in voices]


def safety(*texts: str, since: int = 1) -> list[tuple[Voice, str]]:
    return [(a_voice(since + n, text), SAFETY) for n, text in enumerate(texts)]


def test_one_crisis_is_one_story_called_like_its_playbook() -> None:
    assert set(placed(Stories(), safety(*BRAKES))) == {SAFETY}


def test_crises_of_different_themes_are_different_stories() -> None:
    stories = Stories()
    brakes = safety(*BRAKES[:4])
    leak = [(a_voice(50 + n, text, theme="data_leak"), "data-leak") for n, text in enumerate(LEAK)]

    keys = placed(stories, [each for pair in zip(brakes, leak, strict=True) for each in pair])

    assert keys == [SAFETY, "data-leak"] * 4


def test_two_crises_of_one_theme_become_two_stories() -> None:
    mixed = list(chain.from_iterable(zip(BRAKES, TANKS, strict=True)))

    keys = placed(Stories(), safety(*mixed))

    brakes, tanks = keys[::2], keys[1::2]
    assert set(brakes) == {SAFETY}
    assert tanks == [SAFETY] * 2 + [f"{SAFETY}-benzin"] * 6


def test_a_second_crisis_is_found_after_the_first_has_grown() -> None:
    keys = placed(Stories(), safety(*BRAKES, *TANKS))

    assert keys[: len(BRAKES)] == [SAFETY] * len(BRAKES)
    assert set(keys[len(BRAKES) + 2 :]) == {f"{SAFETY}-benzin"}


def test_a_stray_remark_before_the_crisis_does_not_take_its_place() -> None:
    stray = "Ein acht Zentimeter langer Kratzer im Klarlack, beim Putzen gesehen."

    keys = placed(Stories(), safety(stray, *BRAKES))

    assert set(keys) == {SAFETY}


def test_stray_remarks_during_a_crisis_stay_in_it() -> None:
    strays = (
        "Gute Besserung allen Verletzten, unfassbar traurig.",
        "Das Kraftfahrtamt sollte endlich handeln, sonst gibt es Tote.",
    )

    keys = placed(Stories(), safety(*BRAKES[:4], *strays, *BRAKES[4:]))

    assert set(keys) == {SAFETY}


def test_a_crisis_whose_wording_drifts_stays_one() -> None:
    drifting = (
        *BRAKES,
        "Bremse versagt, jetzt prüft das Amt einen Rückruf.",
        "Rückruf wegen der Bremse gefordert, Anwälte sammeln Fälle.",
        "Kommt der Rückruf? Die Bremse ist seit Tagen bekannt.",
        "Rückruf angekündigt, Zylinder wird getauscht, Termine erst im Mai.",
        "Termin für den Rückruf: Zylinder nicht lieferbar.",
        "Zylinder nicht lieferbar, mein Termin wurde abgesagt.",
        "Termin abgesagt, kein Zylinder da, Maschine steht.",
    )

    assert set(placed(Stories(), safety(*drifting))) == {SAFETY}


def test_the_word_within_a_compound_is_recognised() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES[:4]))

    story = stories.place(a_voice(30, "Vorderradbremse ausgefallen!", theme=None), ANNOYED)

    assert story.key == SAFETY


def test_a_complaint_without_a_theme_joins_the_story_whose_words_it_shares() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES[:4]))

    joins = stories.place(a_voice(20, "Hebel ohne Druck, Bremse versagt.", theme=None), ANNOYED)
    other = stories.place(a_voice(21, "Der Onlineshop hängt beim Warenkorb.", theme=None), ANNOYED)

    assert (joins.key, other.key) == (SAFETY, ANNOYED)


def test_annoyance_and_unnamed_trouble_share_the_general_story() -> None:
    stories = Stories()

    first = stories.place(a_voice(1, "Der Onlineshop hängt beim Warenkorb.", theme=None), "general")
    second = stories.place(a_voice(2, "Ihr ruft nie zurück, Frechheit.", theme=None), ANNOYED)

    assert first is second


def test_a_reply_belongs_to_what_it_answers() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES[:3]))

    reply = a_voice(9, "Unfassbar, gute Besserung!", theme=None, in_reply_to="2")

    assert stories.place(reply, ANNOYED).key == SAFETY


def test_what_stands_in_a_thread_belongs_together() -> None:
    stories = Stories()
    stories.place(a_voice(1, BRAKES[0], thread="t1"), SAFETY)

    same = stories.place(a_voice(2, "Wollen die uns auslachen?", theme=None, thread="t1"), ANNOYED)
    elsewhere = stories.place(
        a_voice(3, "Wollen die uns auslachen?", theme=None, thread="t1", platform="x"), ANNOYED
    )

    assert (same.key, elsewhere.key) == (SAFETY, ANNOYED)


def test_copies_belong_together_whatever_they_were_taken_for() -> None:
    stories = Stories()
    stories.place(a_voice(1, BRAKES[0]), SAFETY, cluster=77)

    story = stories.place(a_voice(2, LEAK[0], theme="data_leak"), "data-leak", cluster=77)

    assert story.key == SAFETY


def test_the_same_in_another_language_is_the_same_story() -> None:
    english = (
        "Front brake lever went straight to the bar, no pressure at all.",
        "Brake lever to the bar this morning, nearly hit a farm gate.",
        "My brake failed too, lever flat against the bar.",
        "Another brake failure, lever useless, this will kill somebody.",
    )
    stories = Stories()
    placed(stories, safety(*BRAKES))

    keys = [
        stories.place(a_voice(40 + n, text, lang="en"), SAFETY).key
        for n, text in enumerate(english)
    ]

    assert set(keys) == {SAFETY}


def test_one_person_who_insists_begins_no_story_of_their_own() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES))

    keys = {
        stories.place(a_voice(50 + n, text, who="tanja"), SAFETY).key
        for n, text in enumerate(TANKS)
    }

    assert keys == {SAFETY}


def test_praise_that_was_noticed_says_nothing_of_the_trouble() -> None:
    stories = Stories()
    voice = msgspec.structs.replace(a_voice(1, theme=None), critical=False, label="praise")

    story = stories.place(voice, ANNOYED)

    assert (story.total, story.said) == (1, {})


def test_one_voice_whose_theme_was_mistaken_does_not_tear_a_crisis_apart() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES))
    mistaken = a_voice(30, "Bremse getreten, Hebel leer, nichts passiert.", theme="harassment")

    assert stories.place(mistaken, "misconduct").key == SAFETY


def test_another_crisis_of_the_same_product_is_another_story() -> None:
    stories = Stories()
    for _ in range(100):
        stories.vocabulary.take(("lupora", "ausfahr"))
    placed(stories, safety(*(f"Lupora: {text}" for text in BRAKES)))

    leak = a_voice(30, "Lupora App zeigt fremde Adressen, Datenleck!", theme="data_leak")

    assert stories.place(leak, "data-leak").key == "data-leak"


def test_the_state_stays_small_whatever_is_written() -> None:
    stories = Stories()
    for number in range(3000):
        words = (
            chr(97 + number % 26) * 9 + chr(97 + (number * step) % 26) * 6 for step in range(20)
        )
        voice = a_voice(number, " ".join(words), thread=f"t{number}", minutes=number % 700)
        stories.vocabulary.take(terms(voice.mention))
        stories.place(voice, f"own-{number % 11}", cluster=number)

    assert len(msgspec.msgpack.encode(stories)) <= 12_000


def test_a_story_ends_after_a_day_of_silence_and_a_large_one_later() -> None:
    stories = Stories()
    stories.place(a_voice(1, TANKS[0]), SAFETY)
    for number, text in enumerate(LEAK * 4):
        stories.place(a_voice(number + 2, text, theme="data_leak"), "data-leak")

    stories.place(a_voice(99, BRAKES[0], minutes=DAY + 60), SAFETY)

    assert [story.key for story in stories.running] == ["data-leak", f"{SAFETY}-2"]
    assert "benzi" not in stories.running[1].said


def test_an_earlier_post_that_comes_late_ends_nothing() -> None:
    stories = Stories()
    stories.place(a_voice(2, BRAKES[0], minutes=600), SAFETY)

    story = stories.place(a_voice(1, BRAKES[1], minutes=0), SAFETY)

    assert (story.key, story.total, story.last) == (SAFETY, 2, a_voice(2, minutes=600).at)


def test_the_stories_are_bounded_and_the_longest_silent_makes_room() -> None:
    stories = Stories()
    for number, subject in enumerate(SUBJECTS):
        stories.place(a_voice(number, subject, minutes=number), f"own-{number}")

    assert [story.key for story in stories.running] == [f"own-{n}" for n in range(3, 11)]


def test_a_storm_does_not_oust_the_story_of_everyday_criticism() -> None:
    stories = Stories()
    stories.place(a_voice(0, "Schon wieder nichts", theme=None), "general")
    for number, subject in enumerate(SUBJECTS):
        stories.place(a_voice(1 + number, subject, minutes=number), f"own-{number}")

    everyday = stories.running[0]
    assert (everyday.key, stories.is_first(everyday)) == ("general", True)
    assert [story.key for story in stories.running[1:]] == [f"own-{n}" for n in range(4, 11)]


def test_when_the_first_of_a_playbook_has_ended_the_next_is_the_first() -> None:
    stories = Stories()
    placed(stories, safety(*BRAKES))
    placed(stories, safety(*TANKS, since=100))
    brakes, tanks = stories.running
    assert [stories.is_first(each) for each in (brakes, tanks)] == [True, False]

    stories.running.remove(brakes)

    assert stories.is_first(tanks)


def test_a_key_is_fit_for_addresses_and_insults_nobody() -> None:
    insulted = [f"{text} Scheißtank!" for text in TANKS]

    keys = placed(Stories(), safety(*BRAKES, *insulted))

    assert not any("scheiss" in key for key in keys)
    assert all(key == fold(key) and key.replace("-", "").isalnum() for key in keys)


_TEXTS = st.sampled_from((*BRAKES, *TANKS, *LEAK, "Nie wieder!", "", "Scheiß Hotline, warte ewig"))
_SAID = st.tuples(
    _TEXTS,
    st.sampled_from(((SAFETY, "safety_defect"), ("data-leak", "data_leak"), (ANNOYED, None))),
    st.integers(0, 3 * DAY),
    st.sampled_from((None, "t1", "t2")),
    st.sampled_from((None, 7, 8)),
)


def told(stories: Stories, number: int, said: tuple) -> str:  # type: ignore[type-arg]
    text, (playbook, theme), minutes, thread, cluster = said
    voice = a_voice(number, text, theme=theme, minutes=minutes, thread=thread)
    stories.learn(voice.mention)
    return stories.place(voice, playbook, cluster).key


@settings(max_examples=60, deadline=None)
@given(st.lists(_SAID, max_size=40), st.data())
def test_saved_and_read_back_at_any_voice_it_goes_on_the_same(
    said: list[tuple],  # type: ignore[type-arg]
    data: st.DataObject,
) -> None:
    kept, restarted = Stories(), Stories()
    stop = data.draw(st.integers(0, len(said)))

    for number, each in enumerate(said):
        if number == stop:
            restarted = msgspec.msgpack.decode(msgspec.msgpack.encode(restarted), type=Stories)
        assert told(kept, number, each) == told(restarted, number, each)

    assert msgspec.msgpack.encode(kept) == msgspec.msgpack.encode(restarted)


def test_a_key_never_changes_while_the_story_runs() -> None:
    stories = Stories()
    keys: dict[int, str] = {}
    texts = list(chain.from_iterable(zip(BRAKES, TANKS, strict=True)))
    for number in range(200):
        story: Story = stories.place(a_voice(number, texts[number % len(texts)]), SAFETY)
        assert keys.setdefault(story.number, story.key) == story.key
        assert len({each.key for each in stories.running}) == len(stories.running)
    assert len(keys) == 2


def test_what_few_have_said_long_ago_is_forgotten_first() -> None:
    story = Story("theme", "general", 1, 0.0)
    story.learn(1, ["brems", "kuppl", *(f"alt{n}" for n in range(15))])
    story.learn(2, ["kuppl", *(f"neu{n}" for n in range(16))])
    assert story.said == {"kuppl": 2, "alt12": 1, "alt13": 1, "alt14": 1} | {
        f"neu{n}": 1 for n in range(16)
    }


def test_parts_of_compounds_are_those_that_several_have_said_by_now() -> None:
    story = Story("theme", "general", 1, 0.0)
    story.learn(1, ["bremse", "motor", "öl"])
    assert story.parts("vorderradbremse motoröl") == []
    story.learn(2, ["öl", "bremse"])
    assert story.parts("vorderradbremse motoröl") == ["bremse"]
    story.learn(3, ["motor"])
    assert story.parts("vorderradbremse motoröl") == ["bremse", "motor"]
