"""How many posts a second are tested against a thousand watches, on one core.

The watches are built like real ones: company names, handles, products, people near their company,
unwanted accounts left out. The posts are made of everyday German and English words; about one in
twenty-five names a watched company. Compared in the same run: asking each query in turn about a
post read once, and one regular expression with every name in it, which finds names but decides
nothing.
"""

from __future__ import annotations

import gc
import random
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from statistics import median
from typing import Final

from benchmarks.table import table
from libs.common.events import Author, Mention, mention_id
from libs.common.query import Matcher, parse
from libs.common.query.evaluate import Predicate, predicate
from libs.common.query.fold import fold
from libs.common.query.reading import Reading

WATCHES: Final = 1_000
POSTS: Final = 20_000
ROUNDS: Final = 5
NAIVE_POSTS: Final = 60
ALTERNATION_POSTS: Final = 1_000
TARGET: Final = 20_000
HITS: Final = 1 / 25
"""The share of posts that name a watched company on purpose."""

_EVERYDAY: Final = """
ich habe gestern wieder eine halbe Stunde in der Hotline gewartet und am Ende hat mir niemand
geholfen das war früher wirklich besser weiß jemand von euch ob man die Bestellung noch ändern
kann oder muss ich zurückschicken und neu kaufen der Kundendienst meldet sich einfach nicht danke
für die schnelle Antwort alles bestens gelaufen gerne wieder heute morgen stand ich im Stau über
drei Stunden auf der Autobahn bei München keine Ahnung warum die Bremse so quietscht morgen bringe
ich das Rad in die Werkstatt schönes Wochenende zusammen größere Auswahl günstiger Preis aber
schlechte Qualität ärgerlich hoffentlich übernimmt die Versicherung den Schaden natürlich nur mit
Rechnung does anyone know whether the new update fixes the battery problem mine still dies after
two hours great service thank you so much will definitely come back never again the worst
experience I have had in years waiting for a refund since March nobody answers the phone what a
joke the weather is lovely today just finished my first long ride on the coast road and it felt
amazing people at the shop were friendly and honest about the price please help my account has
been locked for no reason
"""
_START: Final = """
Nord Süd Alt Neu Berg Tal Rhein Elb Wald Stern Adler Falken Silber Gold Kron
"""
_END: Final = """
bank werk hof tech mobil energie kauf bau haus land pharma druck glas stahl post
"""
_FORM: Final = ["AG", "GmbH", "SE", "KG", "Group"]
_FIRST: Final = """
Erika Max Anna Jörg Ömer Sophie Lukas Marta Chloé Bela
"""
_LAST: Final = """
Mustermann Weißbach Grünau Overath Lindqvist Sauerland Petrović Hagenau
"""
_PRODUCT: Final = ["roller", "karte", "app", "tarif", "riegel", "pumpe"]


def main() -> None:
    rng = random.Random(7)
    names = _names(rng)
    queries = {f"watch-{number}": _watch(name, rng) for number, name in enumerate(names)}
    posts = [_post(number, names, rng) for number in range(POSTS)]
    began = time.perf_counter()
    matcher = Matcher({key: parse(text).query for key, text in queries.items()})
    ready = time.perf_counter() - began
    each = [predicate(parse(text).query) for text in queries.values()]
    fast, hits = _rate(posts, lambda post: bool(matcher.match(post)))
    naive, _ = _rate(posts[:NAIVE_POSTS], lambda post: _asked_in_turn(each, post))
    search = _alternation(names)
    one_regex, _ = _rate(posts[:ALTERNATION_POSTS], lambda post: bool(search(fold(post.text))))
    length = sum(len(post.text) for post in posts) / len(posts)
    print(
        table(
            f"Matcher: {POSTS:,} posts of {length:.0f} characters against {WATCHES:,} watches, "
            f"{hits:.1%} match; parsed and built in {ready:.1f} s; median of {ROUNDS} rounds",
            ["what", "posts/s", "µs a post", "times the Matcher's", "wanted"],
            [
                ["Matcher", fast, 1e6 / fast, 1.0, f"≥ {TARGET:,} posts/s"],
                ["each query in turn", naive, 1e6 / naive, fast / naive, ""],
                ["one `re` of all names", one_regex, 1e6 / one_regex, fast / one_regex, ""],
            ],
        )
    )


def _asked_in_turn(queries: list[Predicate], post: Mention) -> bool:
    reading = Reading(post)
    return bool([number for number, query in enumerate(queries) if query(reading)])


def _rate(posts: list[Mention], matched: Callable[[Mention], bool]) -> tuple[float, float]:
    """Posts a second of processor time, and the share of them that matched."""
    seconds = []
    hits = 0
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        hits = sum(map(matched, posts))
        seconds.append(time.process_time() - began)
    return len(posts) / median(seconds), hits / len(posts)


def _names(rng: random.Random) -> list[str]:
    """Company names, each once: compounds such as `Rheinbank`, numbered by a second part."""
    every = [
        f"{start}{middle}{end}"
        for start in _START.split()
        for end in _END.split()
        for middle in ("", "er", "licht", "quell", "punkt")
    ]
    return rng.sample(every, WATCHES)


def _watch(name: str, rng: random.Random) -> str:
    person = f"{rng.choice(_FIRST.split())} {rng.choice(_LAST.split())}"
    product = rng.choice(_PRODUCT)
    return rng.choice(
        [
            f'"{name} {rng.choice(_FORM)}" OR @{name} OR #{name}',
            f"{name} OR {name}{product}* OR @{name}_hilft",
            f"{name}* -site:{name.lower()}.example -author:gewinnspiel*",
            f'"{person}" NEAR/20 ({name}* OR vorstand)',
            f"({name} OR {name}s) (kundendienst OR hotline OR refund OR {product}*)",
            f"{name} NEAR/5 {product}* OR raw:{name.upper()}",
            f'"{name} {product}" lang:de -is:repost',
        ]
    )


def _post(number: int, names: list[str], rng: random.Random) -> Mention:
    words = rng.choices(_EVERYDAY.split(), k=rng.randint(22, 46))
    for position in rng.sample(range(len(words)), 3):
        words[position] += rng.choice([",", ".", "!", " …", " 😡", "?"])
    if rng.random() < HITS:
        name = rng.choice(names)
        mention = rng.choice([f"{name} AG", f"@{name}", f"#{name}", name, f"{name}s", name.upper()])
        words.insert(rng.randrange(len(words)), mention)
    written = datetime(2026, 1, 1, tzinfo=UTC)
    return Mention(
        id=mention_id("bench", str(number), "w"),
        watch="w",
        source="bench",
        platform="bench",
        native_id=str(number),
        kind="post",
        text=" ".join(words),
        lang="de",
        author=Author(key="k", handle="anna", followers=120),
        published_at=written,
        collected_at=written,
    )


def _alternation(names: Iterable[str]) -> Callable[[str], object]:
    return re.compile(rf"\b(?:{'|'.join(re.escape(fold(name)) for name in names)})\b").search


if __name__ == "__main__":
    main()
