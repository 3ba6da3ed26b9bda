"""Spread: a story of more voices than usual reaches further places, or the press.

A place is a platform, or one forum, blog or paper where the platform only says what kind of site it
is. Somebody who posts the same everywhere is one voice and does not make a story. Neither do the
complaints that a watch gets anyway: they stand everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final
from zlib import crc32

import msgspec

from services.alert.detector import Finding, Voice
from services.alert.detectors.rhythm import surprise
from services.alert.level import Usual

STEPS: Final = (3, 5, 8)
"""Places with critical voices that are told of. Two are usual: most who complain loudly do so
twice. Level 3 of the Shitstorm-Skala asks for three."""
LEAST_VOICES: Final = 3
"""Fewer are no story yet, wherever they stand."""
LEAST_SURPRISE: Final = 2.5
"""-log10 of the probability of as many voices, were they the criticism that is usual. Nobody is
woken by a spread, so that this is lower than where somebody is."""
HALF_LIFE: Final = 24 * 3600.0
"""Voices and what is usual of them are weighed against each other over some days; older ones count
less."""
LASTING: Final = 3 * 24 * 3600.0
"""A place counts so long after its last voice; a story that was silent as long begins anew."""
MOST_STORIES: Final = 8
MOST_PLACES: Final = 8
"""And as many of the press."""
PRESS: Final = frozenset({"news", "google_news"})
OF_MANY_SITES: Final = frozenset(
    {"news", "blog", "forum", "review", "social", "discourse", "flarum", "xenforo", "lemmy"}
)
"""Platforms that only say what kind of site it is: the host is the place."""
RELAYED: Final = frozenset({"google_news"})
"""Platforms whose addresses are their own: the author is the paper."""


class Story(msgspec.Struct):
    """What is known of a story. begun, heard: of its first and latest voice; places, press: the
    time of each one's latest voice, in seconds since 1970, by a hash of its name. total, expected:
    critical voices that are no copies, and how many would be usual, both fading."""

    begun: float
    heard: float
    voices: list[int] = []
    """Different critical ones, as many as make a story."""
    total: float = 0.0
    expected: float = 0.0
    places: dict[int, float] = {}
    press: dict[int, float] = {}
    told: int = 0
    """The highest of `STEPS` that was told of."""
    press_told: bool = False


class Spread(msgspec.Struct):
    """The stories heard of lately, by their key."""

    stories: dict[str, Story] = {}

    def fold(self, voice: Voice, story: str, usual: Usual, *, strand: bool) -> Finding | None:
        """Of what was placed in a story: critical voices count, and articles whatever they say.

        usual: what is usually said of the story's subject. strand: it is one of a storm, so that
        nothing is told of it now; it may be when the storm is over.
        """
        press = voice.mention.kind == "article" or voice.mention.platform in PRESS
        if not (press or voice.critical):
            return None
        current = self._story(story, voice.at, usual)
        if voice.critical:
            current.total += not voice.copied
            if len(current.voices) < LEAST_VOICES:
                _add(current.voices, voice.who)
        _visit(current.press if press else current.places, _place(voice), voice.at)
        if len(current.voices) < LEAST_VOICES or strand:
            return None
        return _notice(current, voice.at, usual)

    def _story(self, key: str, at: float, usual: Usual) -> Story:
        story = self.stories.get(key)
        if story is None or at - story.heard > LASTING:
            if story is None and len(self.stories) >= MOST_STORIES:
                del self.stories[min(self.stories, key=lambda key: self.stories[key].heard)]
            story = self.stories[key] = Story(at, at)
        if at > story.heard:
            _pass(story, at, usual)
        elif at < story.begun:
            story.begun = at
        return story


def _pass(story: Story, at: float, usual: Usual) -> None:
    """Time passes until the next voice. What is no more than usual by now may be told of anew."""
    passed = at - story.heard
    fades = 0.5 ** (passed / HALF_LIFE)
    story.total *= fades
    story.expected = story.expected * fades + usual.critical_per_hour * passed / 3600.0
    story.heard = at
    if story.total < story.expected:
        story.told, story.press_told = 0, False


def _add(voices: list[int], who: int) -> None:
    if who not in voices:
        voices.append(who)


def _visit(places: dict[int, float], place: int, at: float) -> None:
    known = places.get(place)
    if known is not None:
        places[place] = max(known, at)
        return
    for old in [name for name, latest in places.items() if at - latest > LASTING]:
        del places[old]
    if len(places) < MOST_PLACES:
        places[place] = at


def _notice(story: Story, at: float, usual: Usual) -> Finding | None:
    most = len(story.places) + len(story.press)
    heard_press = story.press_told or not story.press
    if heard_press and _step(most) <= story.told:
        return None
    press = sum(at - latest <= LASTING for latest in story.press.values())
    places = press + sum(at - latest <= LASTING for latest in story.places.values())
    first_press = press > 0 and not story.press_told
    reached = _step(places)
    if reached <= story.told and not first_press:
        return None
    expected = max(story.expected, usual.critical_per_hour)
    surprising = surprise(story.total, expected, usual.scatter)
    if surprising < LEAST_SURPRISE:
        return None
    story.told = max(story.told, reached)
    story.press_told = story.press_told or first_press
    return Finding(
        detector="spread",
        at=at,
        surprise=surprising,
        numbers={
            "places": float(places),
            "press": float(press),
            "hours": (story.heard - story.begun) / 3600.0,
        },
    )


def _step(places: int) -> int:
    """The highest of `STEPS` that so many places reach; 0 below the first."""
    reached = bisect_right(STEPS, places)
    return STEPS[reached - 1] if reached else 0


def _place(voice: Voice) -> int:
    mention = voice.mention
    place = mention.platform
    if place in RELAYED and mention.author is not None:
        place = mention.author.key
    elif mention.kind == "article" or place in OF_MANY_SITES:
        place = _site(mention.url) or mention.source
    return crc32(place.encode())


def _site(url: str | None) -> str:
    """The host of an address; faster than taking it apart in full, and only ever compared."""
    if url is None:
        return ""
    return url.partition("://")[2].partition("/")[0].lower().removeprefix("www.")
