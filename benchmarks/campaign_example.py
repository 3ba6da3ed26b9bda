"""The campaign report of a simulated wave of fake reviews, as the detector finds it among other
posts: `docs/campaign-report.md`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from libs.common.events import Author, Classification, ClassifiedMention, Rating, mention_id
from services.alert.campaign_markdown import as_markdown
from services.alert.campaign_report import campaign_report, members_of_cluster
from services.alert.detectors.campaign import Campaign

PAGE: Final = Path("docs/campaign-report.md")
ZONE: Final = ZoneInfo("Europe/Berlin")
NIGHT: Final = datetime(2026, 11, 21, 1, 4, tzinfo=UTC)
_WAVE: Final = (
    (0, "Thomas M.", "reisefan_2231", 0, 1, "Finger weg von der Motorrad AG! Die Werkstatt hat "
     "mich eiskalt betrogen, die Bremsen waren nach der Reparatur schlimmer als vorher."),
    (6, "Sabine", "reisefan_871", 2, 1, "Finger weg von der Motorrad AG!! Diese Werkstatt hat "
     "mich eiskalt betrogen, die Bremsen sind nach der Reparatur schlimmer als vorher!!"),
    (11, "Peter Müller", "reisefan_4410", 1, 1, "FINGER WEG von der Motorrad AG. Werkstatt hat "
     "mich eiskalt abgezockt, die Bremsen waren nach der Reparatur schlimmer als vorher 😡"),
    (19, "Anonym", "kurvenfuchs", 0, 1, "Die Werkstatt hat mich eiskalt betrogen, die Bremsen "
     "waren nach der Reparatur schlimmer als vorher. Finger weg von der Motorrad AG!"),
    (24, "Max Schmidt", "reisefan_19", 0, 1, "Finger weg von der Motorrad AG! Ihre Werkstatt hat "
     "mich eiskalt betrogen, Bremsen waren nach dem Service schlimmer als vorher."),
    (31, "Julia", "reisefan_777", 4, 1, "Finger weg von der Motorrad AG! Die Werkstatt hat mich "
     "eiskalt betrogen, die Bremsen waren nach der Reparatur viel schlimmer als vorher"),
    (44, "Ayşe Demirkan", "ayse.faehrt", 412, 2, "Finger weg von der Motorrad AG, die Werkstatt "
     "hat mich betrogen, meine Bremsen waren nach der Reparatur schlimmer als vorher."),
)  # fmt: skip
_OTHERS: Final = (
    (
        3,
        "Nette Beratung in der Filiale Kassel, Probefahrt war am selben Tag möglich, gerne wieder.",
    ),
    (15, "Seit vier Wochen warte ich auf das Ersatzteil für meine RX 750, und keiner ruft zurück."),
    (28, "Weiß jemand, ob die Motorrad AG am 24. Dezember die Werkstatt geöffnet hat?"),
)


def main() -> None:
    posts = sorted(
        [*map(_of_the_wave, _WAVE), *map(_ordinary, _OTHERS)], key=lambda post: post.published_at
    )
    state = Campaign()
    for number, post in enumerate(posts, 1):
        copy = state.fold(post, post.published_at.timestamp(), ZONE)
        if copy.finding is not None:
            print(f"\nThe simulated wave was suspected at post {number} of {len(posts)}.")
            report = campaign_report(members_of_cluster(post, posts), "Motorrad AG", ZONE)
            written = "\n---\n\n".join(as_markdown(report, language) for language in ("de", "en"))
            PAGE.write_text(
                "<!-- Written by `make bench ARGS=campaign` from a simulated wave of reviews; "
                f"nobody in it exists. -->\n\n{written}",
                encoding="utf-8",
            )


def _of_the_wave(row: tuple[int, str, str, int, int, str]) -> ClassifiedMention:
    minute, name, handle, followers, stars, text = row
    author = Author(key=handle, name=name, handle=handle, followers=followers)
    return _review(minute, text, author, Rating(value=stars, best=5), 0.6)


def _ordinary(row: tuple[int, str]) -> ClassifiedMention:
    minute, text = row
    author = Author(key=f"ordinary{minute}", name="Imke Overath", followers=85)
    return _review(minute, text, author, Rating(value=4, best=5), 0.1)


def _review(
    minute: int, text: str, author: Author, rating: Rating, severity: float
) -> ClassifiedMention:
    at = NIGHT + timedelta(minutes=minute)
    return ClassifiedMention(
        id=mention_id("reviews", str(minute), "motorrad-ag"),
        watch="motorrad-ag",
        source="reviews",
        platform="reviews",
        native_id=str(minute),
        kind="review",
        text=text,
        url=f"https://reviews.example/motorrad-ag/{minute}",
        author=author,
        rating=rating,
        published_at=at,
        collected_at=at,
        classification=Classification(
            label="complaint", scores={"complaint": 0.9}, severity=severity, model="bench-1"
        ),
    )


if __name__ == "__main__":
    main()
