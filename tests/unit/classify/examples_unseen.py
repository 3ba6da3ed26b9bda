"""Mentions that no lexicon was written for: they measure, the others only hold what was built.

Whoever improves a lexicon leaves these alone, or replaces them all by new ones.
"""

from __future__ import annotations

from typing import Final

from libs.common.events import Label

EXAMPLES: Final[tuple[tuple[Label, str], ...]] = (
    (
        "crisis_candidate",
        "Mein Bruder ist gestürzt, weil am Hinterrad die Bremsleitung geplatzt ist",
    ),
    (
        "crisis_candidate",
        "Beim Laden fing der Roller an zu qualmen, dann stand die Küche in Flammen",
    ),
    ("crisis_candidate", "Nach dem Essen bei euch lag die ganze Familie mit Salmonellen flach"),
    ("crisis_candidate", "Eure Datenbank steht offen im Internet, ich kann alle Kundennamen lesen"),
    ("crisis_candidate", "Der Filialleiter hat eine Auszubildende begrapscht"),
    ("crisis_candidate", "Aus dem Werk läuft seit Tagen Öl in die Elbe"),
    ("crisis_candidate", "Kunden wollen Sammelklage gegen Hersteller einreichen"),
    (
        "crisis_candidate",
        "Die Redaktion von Plusminus fragt an: Können Sie die Vorwürfe bestätigen?",
    ),
    ("crisis_candidate", "Der Ständer ist weggebrochen und hat meinem Kind den Fuß gebrochen"),
    ("crisis_candidate", "Wer bei denen kauft, unterstützt Kinderarbeit. Kauft da nicht mehr!"),
    ("complaint", "Dreimal Termin gemacht, dreimal vergessen worden. Ich bin bedient."),
    ("complaint", "Der Sattel quietscht und die Kette rostet nach einem Monat"),
    ("complaint", "Ihr habt mir 80 Euro zu viel berechnet und rührt euch nicht"),
    ("complaint", "Lieferung sollte Montag kommen, heute ist Freitag"),
    ("complaint", "Für diesen Preis hätte ich deutlich mehr erwartet."),
    ("complaint", "Prima, Montag Urlaub genommen und der Monteur kommt nicht"),
    ("complaint", "So behandelt man keine Stammkunden."),
    ("question", "Ab welcher Größe gibt es die Jacke?"),
    ("question", "Muss man die Kette vor dem Winter fetten?"),
    ("question", "Hallo zusammen, wo finde ich die Fahrgestellnummer?"),
    ("question", "Ist die Probefahrt am Samstag kostenlos?"),
    ("question", "Suche Empfehlung für eine gute Werkstatt in Leipzig"),
    ("praise", "Endlich wieder auf zwei Rädern, dieses Ding macht so viel Freude"),
    ("praise", "Der Meister hat sich richtig Zeit genommen, top!"),
    ("praise", "Hätte nicht gedacht, dass die so schnell liefern. Respekt!"),
    ("praise", "Läuft seit 60.000 km ohne Mucken"),
    ("praise", "Schönste Maschine auf dem ganzen Treffen"),
    ("other", "Motorrad AG baut Standort in Ungarn aus"),
    ("other", "Bin gerade beim Treffen am See, wer ist noch da"),
    ("other", "Praktikum im Marketing bei der Motorrad AG, Bewerbung bis Mai"),
    ("other", "Testbericht: drei Mittelklasse-Maschinen im Vergleich"),
    ("other", "Die Aktie der Motorrad AG schließt zwei Prozent höher"),
    (
        "crisis_candidate",
        "The rear wheel came off while my wife was riding, she broke her collarbone",
    ),
    ("crisis_candidate", "Smoke started pouring out of the battery and then it blew up"),
    (
        "crisis_candidate",
        "My whole family got sick after eating your frozen pizza, we are all vomiting",
    ),
    ("crisis_candidate", "Hackers are selling your customers' card details"),
    ("crisis_candidate", "Your driver called me the n-word and threw my bag on the street"),
    ("crisis_candidate", "Stop buying from this company until they answer for what they did"),
    ("crisis_candidate", "Chemicals from the plant are leaking into the creek"),
    ("crisis_candidate", "Regulator fines Motorrad AG 40 million over rigged tests"),
    (
        "crisis_candidate",
        "Reporter from the Herald here, could I get a comment before we publish at six?",
    ),
    ("crisis_candidate", "A worker died at their factory yesterday"),
    ("complaint", "Two tickets open, zero answers."),
    ("complaint", "The paint is peeling after four months"),
    ("complaint", "You sent me the wrong helmet twice"),
    ("complaint", "I have called six times and every time I get a different story"),
    ("complaint", "Fantastic, my part is lost in the mail and you blame me"),
    ("complaint", "Quality has gone downhill since they moved production"),
    ("complaint", "You people should be ashamed"),
    ("question", "Which tyre pressure do you use with luggage?"),
    ("question", "Can the software be updated at home?"),
    ("question", "Is the heated grip kit compatible with the 2021 model?"),
    ("question", "Has anybody tried the comfort seat"),
    ("question", "Are dogs allowed in the showroom?"),
    ("praise", "Best ride of my life today"),
    ("praise", "Shout out to Maria at the service desk, she fixed it in no time"),
    ("praise", "Twenty years on and she still starts first time, what a bike"),
    ("praise", "The new model is a beauty"),
    ("praise", "Support answered within minutes and sorted everything"),
    ("other", "Motorrad AG opens a showroom in Madrid"),
    ("other", "Watching the race with friends tonight"),
    ("other", "Internship in marketing at Motorrad AG, applications until May"),
    ("other", "Comparison test: three mid-size bikes"),
    ("other", "Shares of Motorrad AG closed two percent higher"),
)
