"""Voices of invented people, for telling stories apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zlib import crc32

from libs.common.events import (
    Author,
    Classification,
    ClassifiedMention,
    Label,
    Reason,
    mention_id,
)
from services.alert.detector import Voice, seconds

MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)

BRAKES = (
    "Meine Bremse hat heute bei Tempo 120 versagt, ich hatte Todesangst.",
    "Bremse versagt, Hebel fällt bis zum Griff durch. Lupora, acht Wochen alt!",
    "Bei mir auch: vordere Bremse plötzlich ohne Wirkung, fast ins Auto gekracht.",
    "Meine Freundin liegt im Krankenhaus, weil an ihrer Lupora die Bremse versagt hat.",
    "Vorderradbremse komplett ausgefallen. Die Werkstatt findet angeblich nichts.",
    "Hat wer noch Ärger mit der Bremse? Der Hebel war einfach leer, kein Druck.",
    "Druck im Hebel weg, Bremse tot, das ist lebensgefährlich.",
    "Dritter Fall im Bekanntenkreis, wieder hat die Bremse versagt.",
)
TANKS = (
    "Aus meinem Tank läuft Benzin auf den heißen Krümmer, das brennt irgendwann.",
    "Tank undicht, Benzin tropft auf den Motor. Neue Maschine!",
    "Benzin unter der Maschine, der Tank hat einen Riss an der Schweißnaht.",
    "Riss im Tank nach 500 Kilometern, überall Benzin, hätte fast gebrannt.",
    "Schon wieder ein Tank mit Riss an der Naht, mir stinkt die Garage nach Benzin.",
    "Der Tank leckt an der Schweißnaht, Benzin lief mir über die Stiefel.",
    "Die Schweißnaht vom Tank ist gerissen, Benzin überall, Feuerwehr war da.",
    "Wer fährt mit so einem Tank weiter? Benzin auf dem Auspuff, Riss in der Naht.",
)
LEAK = (
    "Meine Adresse und IBAN stehen offen in eurem Kundenportal, das ist ein Datenleck.",
    "Im Portal sehe ich fremde Rechnungen samt Adresse. Datenleck!",
    "Fremde Kundendaten im Portal: Name, Adresse, IBAN, alles offen.",
    "Datenleck beim Hersteller, 40.000 Adressen im Netz.",
)


def a_voice(
    number: int = 1,
    text: str = BRAKES[0],
    *,
    theme: str | None = "safety_defect",
    minutes: float | None = None,
    who: str | None = None,
    thread: str | None = None,
    in_reply_to: str | None = None,
    title: str | None = None,
    platform: str = "forum",
    lang: str = "de",
) -> Voice:
    """A complaint where it has no theme. The numbers are minutes and native ids unless told."""
    at = MORNING + timedelta(minutes=number if minutes is None else minutes)
    label: Label = "crisis_candidate" if theme else "complaint"
    reasons = (Reason(cue=theme, field="text", label=label, weight=1.0),) if theme else ()
    severity = 0.8 if theme else 0.3
    native_id = str(number)
    mention = ClassifiedMention(
        id=mention_id(platform, native_id, "motorrad-ag"),
        watch="motorrad-ag",
        source="bikeforum",
        platform=platform,
        native_id=native_id,
        kind="post",
        title=title,
        text=text,
        lang=lang,
        author=Author(key=who or native_id),
        published_at=at,
        collected_at=at,
        thread=thread,
        in_reply_to=in_reply_to,
        classification=Classification(
            label=label, scores={}, severity=severity, reasons=reasons, lang=lang, model="test-1"
        ),
    )
    return Voice(
        mention=mention,
        at=seconds(at),
        who=crc32((who or native_id).encode()),
        label=label,
        critical=True,
        severity=severity,
        themes=(theme,) if theme else (),
        reach=0,
        copied=False,
        abusive=False,
    )
