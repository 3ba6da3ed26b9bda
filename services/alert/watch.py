"""All that the detectors know of one watch: plain data, bounded, saved as one."""

from __future__ import annotations

from typing import Final

import msgspec

from services.alert.detectors.big_voice import BigVoice
from services.alert.detectors.burst import Bursts
from services.alert.detectors.campaign import Campaign
from services.alert.detectors.danger import Danger
from services.alert.detectors.spread import Spread
from services.alert.detectors.tone import Tone
from services.alert.detectors.worry import Worry
from services.alert.level import Usual
from services.alert.seen import Seen
from services.alert.stories import Stories
from services.alert.storm import Audience, Storm
from services.alert.story import Story
from services.alert.subjects import Subjects

LEARNING_HOURS: Final = 48.0
UNKNOWN_PER_HOUR: Final = 20.0
"""Critical mentions an hour that are taken for possible in a watch nobody knows yet; the fewer, the
more of `LEARNING_HOURS` it has been watched."""
NOTHING_USUAL: Final = Usual(0.0, 0.0, 0.0)


class WatchState(msgspec.Struct):
    """clock: the latest collection so far, in seconds since 1970. storms: what is measured of each
    running story, by its key; audience: of the whole watch. subjects: what
    criticism is usually about. looks: the minute from which a storm is to be judged again though
    nobody speaks of it. usual_then: what is usual in `hour`."""

    clock: float = 0.0
    seen: Seen = msgspec.field(default_factory=Seen)
    campaign: Campaign = msgspec.field(default_factory=Campaign)
    bursts: Bursts = msgspec.field(default_factory=Bursts)
    tone: Tone = msgspec.field(default_factory=Tone)
    danger: Danger = msgspec.field(default_factory=Danger)
    big_voice: BigVoice = msgspec.field(default_factory=BigVoice)
    spread: Spread = msgspec.field(default_factory=Spread)
    worry: Worry = msgspec.field(default_factory=Worry)
    stories: Stories = msgspec.field(default_factory=Stories)
    storms: dict[str, Storm] = {}
    audience: Audience = msgspec.field(default_factory=Audience)
    subjects: Subjects = msgspec.field(default_factory=Subjects)
    looks: int = 0
    hour: int = -1
    usual_then: Usual = NOTHING_USUAL

    def usual(self, at: float) -> Usual:
        """What is usual in the hour of this time, as the first mention of the hour found it."""
        hour = at // 3600.0
        if hour != self.hour:
            self.hour = hour = int(hour)
            rhythm = self.bursts.everything.rhythm
            critical = self.bursts.critical.rhythm.expected(hour)
            unknown = UNKNOWN_PER_HOUR * max(0.0, 1.0 - rhythm.seen / LEARNING_HOURS)
            self.usual_then = Usual(
                rhythm.expected(hour).mean,
                self.tone.usual(),
                critical.mean + unknown,
                critical.scatter,
            )
        return self.usual_then

    def usual_of(self, story: Story, at: float) -> Usual:
        """The same for what is usually said of a story's subject."""
        usual = self.usual(at)
        share = self.subjects.share(story.playbook, is_first=self.stories.is_first(story))
        return Usual(
            usual.per_hour,
            share * usual.critical_share,
            share * usual.critical_per_hour,
            usual.scatter,
        )
