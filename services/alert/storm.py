"""What is measured of one story of one watch while it may become a storm.

Every voice is remembered with the minute of its last critical word, so how many different voices
spoke in a trailing window is a sum over minutes or hours. That is exact until an hour has more
than `MOST_RECENT` voices (`MOST_OLD` once it is two hours old). Then every second voice of that
hour is forgotten, by a fixed bit of its key, and those left count twice; and so on (adaptive
sampling after Wegman; Flajolet 1990). With 48 to 96 voices left the error is 10 to 14 %.

Time is counted in whole minutes, so the order inside a minute does not matter.
"""

from __future__ import annotations

from operator import lshift
from typing import Final

import msgspec

from services.alert.detector import Voice

HOUR: Final = 60
DAY: Final = 24 * HOUR
HOURS: Final = 24
NEVER: Final = 2**62
"""A minute that does not come."""
SUDDEN: Final = 10
"""Minutes of the shortest window."""
SPAN: Final = 6
"""Hours, the present one included, over which channels, repeats and tone are looked at."""
MOST_RECENT: Final = 96
MOST_OLD: Final = 6
MOST_CHANNELS: Final = 16
MOST_PUBLISHERS: Final = 32
_FRESH: Final = 16
_LOOK_AGAIN: Final = 5
_AGAIN: Final = 2
_ABUSIVE: Final = 1
_NOTHING: Final = [0] * HOUR
_64_BITS: Final = 0xFFFF_FFFF_FFFF_FFFF


def _nothing_an_hour() -> list[int]:
    return [0] * HOURS


def _nothing_a_minute() -> list[int]:
    return [0] * HOUR


class Audience(msgspec.Struct, array_like=True):
    """How many mentions of a watch there were in the last hour, critical or not."""

    now: int = 0
    mentions: list[int] = msgspec.field(default_factory=_nothing_a_minute)
    total: int = 0

    def heard(self, at: float) -> None:
        """One more mention of the watch, of whatever label. at: seconds since 1970."""
        minute = int(at // 60)
        if minute > self.now:
            self._pass_to(minute)
        elif minute <= self.now - HOUR:
            return
        self.mentions[minute % HOUR] += 1
        self.total += 1

    def last_hour(self, minute: int) -> int:
        """Mentions in the hour that ends with this minute, in minutes since 1970."""
        if minute > self.now:
            self._pass_to(minute)
        return self.total

    def last_minutes(self, minute: int) -> int:
        """Mentions in the 10 minutes that end with this one."""
        if minute > self.now:
            self._pass_to(minute)
        return sum(self.mentions[each % HOUR] for each in range(minute - SUDDEN + 1, minute + 1))

    def _pass_to(self, minute: int) -> None:
        self.total -= _clear(self.mentions, self.now, minute)
        self.now = minute


class Storm(msgspec.Struct, array_like=True):
    """The measures of a story, and the level it has been given.

    Lists of 60 go by the minute of the hour, lists of 24 by the hour of the day; both always hold
    the last hour or day only.

    now: the newest minute, since 1970. heard: 32-bit key of a voice -> its last word, as four
    times the minute of the day, plus 2 if it spoke more than once, plus 1 if it was abusive.
    minutes: remembered voices by their last word; voices, again, abusive: the same by hours.
    halved: how often the memory of an hour was halved. spoke: how many different voices an hour
    had when it ended. said: critical posts by minute; posts, copies: by hour.
    channels, publishers: when last heard of. last: the minute of the newest critical word.
    level: as last judged. failing: since which minute its criteria fail, 0 when they hold.
    looks: the minute from which it is to be judged again though nobody speaks. fresh, enough: how
    many voices came since it was judged, and how many are enough to judge it before.
    """

    now: int = 0
    heard: dict[int, int] = {}
    minutes: list[int] = msgspec.field(default_factory=_nothing_a_minute)
    said: list[int] = msgspec.field(default_factory=_nothing_a_minute)
    voices: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    again: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    abusive: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    halved: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    spoke: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    posts: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    copies: list[int] = msgspec.field(default_factory=_nothing_an_hour)
    channels: dict[str, int] = {}
    publishers: dict[int, int] = {}
    last: int = 0
    level: int = 0
    failing: int = 0
    looks: int = 0
    fresh: int = 0
    enough: int = 0
    told: int = 0

    def fold(self, voice: Voice) -> None:
        """Takes a voice of the story in. What is not critical counts only as the press's report,
        when it is an article; what is older than the last 24 hours does not count."""
        minute = int(voice.at // 60)
        if minute > self.now:
            self.pass_to(minute)
        elif minute // HOUR <= self.now // HOUR - HOURS:
            return
        mention = voice.mention
        if mention.kind == "article":
            self._reported(publisher(mention.url, mention.source), minute)
        if not voice.critical:
            return
        hour = minute // HOUR % HOURS
        self.posts[hour] += 1
        self.copies[hour] += voice.copied
        if minute > self.now - HOUR:
            self.said[minute % HOUR] += 1
        if minute > self.last:
            self.last = minute
        if minute > self.channels.get(mention.platform, 0):
            self._spread(mention.platform, minute)
        self._spoken(_key(voice.who), minute, voice.abusive)

    def pass_to(self, minute: int) -> None:
        """Time has passed: what is older than its window is forgotten. Never runs backwards."""
        before = self.now
        if minute <= before:
            return
        _clear(self.minutes, before, minute)
        _clear(self.said, before, minute)
        self.now = minute
        if minute // HOUR != before // HOUR:
            self._new_hour(before // HOUR, minute // HOUR)

    def due(self, minute: int) -> bool:
        """Whether a number that matters may have changed since it was last judged: the voices by a
        sixteenth (below 16, each), a channel, a publisher; or enough time has passed."""
        return self.fresh >= self.enough or minute >= self.looks

    def was_judged(self, voices: int, moves: bool) -> None:
        """voices: of the last hour. moves: its level may well change though nobody speaks. Where it
        may not, all that can happen is that the last day is over."""
        self.fresh, self.enough = 0, voices // _FRESH + 1
        self.looks = self.now + _LOOK_AGAIN
        if not moves:
            day_is_over = (self.last // HOUR + HOURS) * HOUR
            self.looks = max(self.looks, day_is_over) if self.level else NEVER

    def last_hour(self) -> int:
        """Different critical voices in the last 60 minutes."""
        minute, hour = self.now % HOUR + 1, self.now // HOUR % HOURS
        now, before = self.halved[hour], self.halved[hour - 1]
        if not now and not before:
            return sum(self.minutes)
        return (sum(self.minutes[:minute]) << now) + (sum(self.minutes[minute:]) << before)

    def last_minutes(self) -> int:
        """Different critical voices in the last 10 minutes."""
        minute, hour = self.now % HOUR + 1, self.now // HOUR % HOURS
        found = sum(self.minutes[max(0, minute - SUDDEN) : minute]) << self.halved[hour]
        if minute < SUDDEN:
            found += sum(self.minutes[minute - SUDDEN :]) << self.halved[hour - 1]
        return found

    def last_day(self) -> int:
        """Different critical voices in the last 24 clock hours, the present one included."""
        return sum(map(lshift, self.voices, self.halved))

    def posts_last_hour(self) -> int:
        return sum(self.said)

    def posts_last_minutes(self) -> int:
        return sum(self.said[each % HOUR] for each in range(self.now - SUDDEN + 1, self.now + 1))

    def repeats(self) -> float:
        """The share of voices that spoke more than once, or of posts that are copies, whichever
        is higher, in the last 6 clock hours."""
        posts, copies = self._last(self.posts), self._last(self.copies)
        return max(self._share(self.again), copies / posts if posts else 0.0)

    def abuse(self) -> float:
        """The share of voices that insulted or threatened in the last 6 clock hours."""
        return self._share(self.abusive)

    def growth(self, last_hour: float) -> float:
        """So many voices in the last hour against the mean of the five clock hours that ended
        before it began; these count as one voice an hour at least."""
        hour = self.now // HOUR % HOURS
        before = sum(self.spoke[hour - back] for back in range(2, 7)) / 5
        return last_hour / max(1.0, before)

    def lasting(self, least: float) -> int:
        """How many of the last 6 clock hours had so many different critical voices."""
        hour = self.now // HOUR % HOURS
        present = self.voices[hour] << self.halved[hour]
        return (present >= least) + sum(self.spoke[hour - b] >= least for b in range(1, SPAN))

    def channels_reached(self) -> int:
        """Platforms with critical voices in the last 6 hours, up to 16."""
        return sum(minute > self.now - SPAN * HOUR for minute in self.channels.values())

    def press(self) -> int:
        """Publishers with an article in the last 24 hours, up to 32."""
        return sum(minute > self.now - DAY for minute in self.publishers.values())

    def _spoken(self, key: int, minute: int, abusive: bool) -> None:
        heard, hour, word = self.heard, minute // HOUR % HOURS, minute % DAY
        flags = _ABUSIVE if abusive else 0
        last = heard.get(key)
        kept = not key & ((1 << self.halved[hour]) - 1)
        if last is not None:
            self._count(last, -1)
            flags |= last & _ABUSIVE | _AGAIN
            if (self.now - (last >> 2)) % DAY <= self.now - minute:
                # Its last word was later, or is as late: a late post does not move it.
                word, kept = last >> 2, True
        if not kept:
            heard.pop(key, None)
            return
        if last is None or (self.now - (last >> 2)) % DAY >= HOUR:
            self.fresh += 1
        heard[key] = word << 2 | flags
        self._count(heard[key], 1)
        if self.voices[hour] > MOST_OLD:
            self._halve(hour)

    def _count(self, word: int, step: int) -> None:
        minute = word >> 2
        hour = minute // HOUR
        self.voices[hour] += step
        if word & _AGAIN:
            self.again[hour] += step
        if word & _ABUSIVE:
            self.abusive[hour] += step
        if (self.now - minute) % DAY < HOUR:
            self.minutes[minute % HOUR] += step

    def _halve(self, hour: int) -> None:
        """Forgets every second voice of the hour until few enough are left."""
        recent = (self.now // HOUR - hour) % HOURS < 2
        most = MOST_RECENT if recent else MOST_OLD
        while self.voices[hour] > most:
            self.halved[hour] += 1
            mask = (1 << self.halved[hour]) - 1
            for key in [k for k, w in self.heard.items() if (w >> 2) // HOUR == hour and k & mask]:
                self._count(self.heard.pop(key), -1)

    def _new_hour(self, before: int, now: int) -> None:
        ended = before % HOURS
        self.spoke[ended] = self.voices[ended] << self.halved[ended]
        for gone in range(before + 1, min(now, before + HOURS) + 1):
            hour = gone % HOURS
            if self.voices[hour]:
                self.heard = {k: w for k, w in self.heard.items() if (w >> 2) // HOUR != hour}
            self.voices[hour] = self.again[hour] = self.abusive[hour] = self.halved[hour] = 0
            self.spoke[hour] = self.posts[hour] = self.copies[hour] = 0
        if max(self.voices) > MOST_OLD:
            for hour in range(HOURS):
                self._halve(hour)

    def _spread(self, platform: str, minute: int) -> None:
        if platform not in self.channels:
            if len(self.channels) == MOST_CHANNELS:
                since = self.now - SPAN * HOUR
                self.channels = {k: m for k, m in self.channels.items() if m > since}
            if len(self.channels) == MOST_CHANNELS:
                return
            self.fresh = self.enough
        self.channels[platform] = minute

    def _reported(self, by: str, minute: int) -> None:
        key = _key(int.from_bytes(by.encode()[-32:]) % 0xFFFF_FFFF_FFFF_FFC5)
        if key not in self.publishers:
            if len(self.publishers) == MOST_PUBLISHERS:
                since = self.now - DAY
                self.publishers = {k: m for k, m in self.publishers.items() if m > since}
            if len(self.publishers) == MOST_PUBLISHERS:
                return
            self.fresh = self.enough
        self.publishers[key] = max(minute, self.publishers.get(key, 0))

    def _last(self, hours: list[int]) -> int:
        hour = self.now // HOUR % HOURS
        return sum(hours[hour - back] for back in range(SPAN))

    def _share(self, part: list[int]) -> float:
        hour = self.now // HOUR % HOURS
        whole = some = 0
        for back in range(hour, hour - SPAN, -1):
            whole += self.voices[back] << self.halved[back]
            some += part[back] << self.halved[back]
        return some / whole if whole else 0.0


def _clear(minutes: list[int], before: int, now: int) -> int:
    """Forgets what stands where the minutes after `before`, up to `now`, come to stand, and tells
    how much that was."""
    first, end = (before + 1) % HOUR, now % HOUR + 1
    if now - before >= HOUR:
        first, end = 0, HOUR
    if first < end:
        gone = sum(minutes[first:end])
        minutes[first:end] = _NOTHING[first:end]
    else:
        gone = sum(minutes[first:]) + sum(minutes[:end])
        minutes[first:] = _NOTHING[first:]
        minutes[:end] = _NOTHING[:end]
    return gone


def publisher(url: str | None, source: str) -> str:
    """Whose article it is: the host of its address, without `www.` and the like; the source where
    it has no address."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0].lower() if url else ""
    for prefix in ("www.", "m.", "amp.", "mobil.", "mobile."):
        host = host.removeprefix(prefix)
    return host or source


def _key(who: int) -> int:
    """32 well-mixed bits of whose voice it is (the finaliser of MurmurHash3)."""
    mixed = who & _64_BITS
    mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCD & _64_BITS
    mixed = (mixed ^ mixed >> 33) * 0xC4CEB9FE1A85EC53 & _64_BITS
    return mixed >> 32
