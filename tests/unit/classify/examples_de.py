"""German mentions of our own with the label they must get. Hard ones are among them on purpose."""

from __future__ import annotations

from typing import Final

from libs.common.events import Label

EXAMPLES: Final[tuple[tuple[Label, str], ...]] = (
    # Crisis candidates, every theme.
    (
        "crisis_candidate",
        "Bei voller Fahrt hat die Bremse versagt, mein Kumpel liegt im Krankenhaus",
    ),
    (
        "crisis_candidate",
        "Plötzlich war der Bremshebel ohne Funktion, ich kam gerade so zum Stehen.",
    ),
    ("crisis_candidate", "Die Lenkung hat in der Kurve blockiert. Das ist lebensgefährlich!"),
    ("crisis_candidate", "Mir ist auf der Autobahn das Vorderrad blockiert"),
    ("crisis_candidate", "Der Airbag hat beim Aufprall nicht ausgelöst."),
    (
        "crisis_candidate",
        "Unsere Tochter wurde durch das Gerät verletzt, wir waren in der Notaufnahme",
    ),
    ("crisis_candidate", "Zwei Verletzte nach Unfall mit Testmaschine, einer schwer verletzt"),
    (
        "crisis_candidate",
        "Gestern Nacht hat das Ladegerät Feuer gefangen, die halbe Garage ist abgebrannt",
    ),
    ("crisis_candidate", "Im Werk Nord brennt die Lagerhalle, Feuerwehr ist mit vier Zügen da"),
    ("crisis_candidate", "mein akku ist explodiert!!! zum glück war ich nicht im raum"),
    ("crisis_candidate", "Habe Glassplitter im Joghurt gefunden und jetzt Angst um meine Kinder"),
    ("crisis_candidate", "Maden in der Schokolade, pfui. Charge 1123, bitte prüft eure Packungen"),
    ("crisis_candidate", "Motorrad AG ruft 12.000 Maschinen zurück"),
    ("crisis_candidate", "Rückrufaktion bei der Motorrad AG: Rahmen kann reißen"),
    ("crisis_candidate", "Datenleck bei der Motorrad AG, Kundendaten im Darknet"),
    (
        "crisis_candidate",
        "In eurem Portal sehe ich fremde Rechnungen, samt Adressen anderer Kunden!",
    ),
    ("crisis_candidate", "Totalausfall: seit heute früh ist bundesweit das ganze Netz down"),
    ("crisis_candidate", "Staatsanwaltschaft ermittelt wegen Betrugs gegen den Vorstand"),
    ("crisis_candidate", "Die Werte der Abgastests wurden jahrelang manipuliert, sagt ein Insider"),
    ("crisis_candidate", "Der Verkäufer hat meine Frau wegen ihres Kopftuchs nicht bedient"),
    ("crisis_candidate", "Euer Werbespot ist rassistisch. Nehmt ihn runter."),
    (
        "crisis_candidate",
        "Ein Mitarbeiter der Filiale hat mich sexuell belästigt und keiner tut was",
    ),
    ("crisis_candidate", "Boykottiert diese Firma! Bitte teilen!"),
    ("crisis_candidate", "Petition gegen die Motorrad AG, bitte unterschreibt alle"),
    ("crisis_candidate", "Video zeigt, wie ein Mitarbeiter den Hund des Kunden tritt"),
    ("crisis_candidate", "Fischsterben unterhalb der Fabrik, das Abwasser ging direkt in den Bach"),
    ("crisis_candidate", "Ich habe Strafanzeige erstattet, mein Anwalt meldet sich bei Ihnen."),
    ("crisis_candidate", "Verbraucherzentrale klagt gegen die Motorrad AG"),
    (
        "crisis_candidate",
        "Hallo, ich recherchiere für einen Beitrag und bitte um Stellungnahme bis 17 Uhr.",
    ),
    ("crisis_candidate", "Presseanfrage: Was sagen Sie zu den Vorwürfen?"),
    ("crisis_candidate", "BREMSEN VERSAGT bei Tempo 120. Hätte tot sein können!!"),
    (
        "crisis_candidate",
        "Brems-Ausfall am Pass, die Bremsen haben nicht mehr reagiert, sie fielen aus",
    ),
    # Complaints.
    ("complaint", "Warte seit drei Wochen auf mein Ersatzteil, der Händler vertröstet mich nur."),
    ("complaint", "Die Hotline vom Händler ist seit Tagen nicht erreichbar."),
    ("complaint", "Nie wieder dieser Laden, so eine Frechheit!"),
    ("complaint", "Service unterirdisch, Reklamation einfach abgelehnt"),
    (
        "complaint",
        "Bin echt enttäuscht von der Verarbeitung, der Lack blättert nach zwei Monaten ab",
    ),
    ("complaint", "Die App stürzt ständig ab"),
    ("complaint", "Das Display ist schon wieder kaputt."),
    ("complaint", "Nicht zufrieden. Die Sitzbank ist hart und die Verarbeitung mies."),
    ("complaint", "Kann ich leider nicht empfehlen"),
    ("complaint", "Keine Antwort auf drei Mails. Was ist da los bei euch?"),
    ("complaint", "Völlig überteuert, für das Geld bekommt man woanders mehr"),
    ("complaint", "der blinker funktioniert nach einer woche nicht mehr"),
    ("complaint", "Unverschaemt, wie man hier mit Kunden umgeht"),
    ("complaint", "Wann kommt endlich mein Motorrad? Bestellt im März!"),
    ("complaint", "Warum geht bei euch nie jemand ans Telefon?"),
    ("complaint", "Geld zurück, aber sofort!"),
    ("complaint", "Schönes Bike, aber die Werkstatt ist eine Katastrophe, absolut inkompetent"),
    # Sarcasm.
    ("complaint", "Ganz toll, drei Stunden Warteschleife"),
    ("complaint", "Na super, schon wieder das falsche Teil geliefert."),
    ("complaint", "Danke für nichts, Motorrad AG."),
    ("complaint", "Bravo, wieder keine Rückmeldung. Klasse Kundendienst!"),
    (
        "complaint",
        "Euer Kundenservice wird ja wirklich großgeschrieben, ich stehe seit Stunden im Regen 🙄",
    ),
    # Questions.
    ("question", "Wann gibt es die neue Tourer in Blau?"),
    ("question", "Hat jemand Erfahrung mit der Heizung im Sattel?"),
    ("question", "Wie lange hält der Akku im Winter?"),
    ("question", "Weiß jemand, welches Öl in die 650er gehört"),
    ("question", "Kann ich den Termin in der Werkstatt online verschieben?"),
    ("question", "Stimmt es, dass die Bremsen zurückgerufen werden?"),
    ("question", "Passt der Koffer auch an das Vorjahresmodell?"),
    ("question", "Hallo, ich hätte eine Frage zur Garantie: Gilt die auch in Österreich?"),
    ("question", "Was kostet die erste Inspektion bei euch?"),
    ("question", "Gute Frage. Kennt jemand den Unterschied zwischen den beiden Modellen?"),
    # Praise.
    ("praise", "Danke an die Werkstatt in Köln, super Service!"),
    ("praise", "Die Preise sind unverschämt gut."),
    ("praise", "Der Laden brennt, mega Stimmung!"),
    ("praise", "Ich brenne für dieses Motorrad, einfach der Hammer"),
    ("praise", "Gar nicht schlecht, die neue Maschine 👍"),
    ("praise", "Bin rundum zufrieden, klare Kaufempfehlung."),
    ("praise", "Großes Lob an das Team, alles hat reibungslos geklappt"),
    ("praise", "Kein Problem mit der Bremse, alles perfekt."),
    ("praise", "Die Reparatur war am selben Tag fertig, sehr freundliche Leute"),
    ("praise", "Nie wieder ein anderes Bike, so begeistert war ich noch nie"),
    ("praise", "Verdammt schnell und verdammt schön 😍"),
    ("praise", "Wurde noch nie enttäuscht, immer wieder gerne!"),
    ("praise", "Nichts zu meckern, top Beratung"),
    # Other.
    ("other", "Heute wurde in Kiel ein neues Geschäft eröffnet."),
    ("other", "Gewinnspiel: Wir verlosen drei Helme! Teilnahmebedingungen im Profil."),
    ("other", "Wir suchen ab sofort Mechaniker (m/w/d) für unsere Werkstatt in Ulm."),
    ("other", "Die Motorrad AG legt am Donnerstag ihre Quartalszahlen vor."),
    ("other", "Verkaufe meine 650er, Baujahr 2019, 12.000 km, VHB 4.200"),
    ("other", "Sonntag Ausfahrt, Treffpunkt 9 Uhr am Markt"),
    ("other", "Feuerwehrfest mit Motorradsegnung am Samstag"),
    ("other", "Der neue Brandmanager der Motorrad AG kommt aus Hamburg."),
)
