"""An incident's card in a real browser: why this level, what is said, what it was worth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, Page, Route, expect

from libs.common.events import Author, ClassifiedMention
from tests.support.first_page import BURNING, Site, a_mention, a_page, sign_in

WORDS: Final = """
Werkstatt Wochen warten Rückruf Termin Händler Rechnung Garantie Auskunft Ersatzteil Hotline Ärger
Kosten Wartung Getriebe Motor Lieferung Vertrag Antwort Fehler Kunde Service Brief Probefahrt
Filiale Kette Reifen Lack Sattel Tacho Licht Schlüssel Kulanz
"""
CAMPAIGN: Final = "Finger weg von diesem Helm, nach zwei Wochen gebrochen und keine Antwort!"
MANY_RULES: Final = [
    {
        "rule": "danger",
        "budget": 3,
        "over_budget": True,
        "weeks": [5, 2, 0, 0],
        "noise": 4,
        "useful": 2,
        "unrated": 1,
        "proposal": {
            "measure": "severity",
            "at_least": 0.82,
            "spared": 3,
            "of_noise": 4,
            "kept": 2,
        },
    },
    {
        "rule": "bremse-oder-lenkung-an-einem-vorserienmodell",
        "budget": 1,
        "over_budget": False,
        "weeks": [0, 1, 0, 0],
        "noise": 0,
        "useful": 0,
        "unrated": 1,
        "proposal": None,
    },
    {
        "rule": "burst",
        "budget": 3,
        "over_budget": False,
        "weeks": [0, 0, 0, 0],
        "noise": 0,
        "useful": 0,
        "unrated": 0,
        "proposal": None,
    },
]


def a_storm(
    about: str, watch: str = "motorrad-ag", people: int = 40
) -> Iterator[ClassifiedMention]:
    """Complaints of many people within the last minutes, each in other words."""
    choose, words, now = random.Random(about), WORDS.split(), datetime.now(UTC)
    for number in range(people):
        at = now - timedelta(seconds=12 * (people - number))
        text = f"{about} {' '.join(choose.sample(words, 9))}"
        yield a_voice(f"{about}-{number}", text, at, watch)


def a_campaign(copies: int = 14) -> Iterator[ClassifiedMention]:
    """The same text from many accounts, too slowly to be a storm."""
    now = datetime.now(UTC)
    for number in range(copies):
        at = now - timedelta(minutes=35 * (copies - number))
        yield a_voice(f"copy-{number}", CAMPAIGN, at, "helme")


def a_voice(name: str, text: str, at: datetime, watch: str) -> ClassifiedMention:
    mention = a_mention(0, text, label="complaint", severity=0.4)
    return replace(
        mention,
        id=f"{watch}-{name}",
        native_id=name,
        watch=watch,
        author=Author(key=f"author-{name}"),
        published_at=at,
        collected_at=at,
    )


async def take(page: Page) -> None:
    await page.get_by_role("button", name="I'll take it").click()
    await page.get_by_label("Name").fill("Anna")
    await page.get_by_role("button", name="Continue").click()


async def test_the_hottest_is_first_and_says_why(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        grave = replace(a_mention(1, BURNING), watch="e-bike")
        await site.publish(grave, *a_storm("Kupplung"), *a_storm("Gabel", "roller", people=60))
        cards = page.locator("#incident-list article")
        await expect(cards).to_have_count(3)
        levels = [int(await card.get_attribute("data-level") or 0) for card in await cards.all()]
        assert levels == sorted(levels, reverse=True)
        assert levels[0] > levels[-1] >= 2

        hottest = cards.first
        why = hottest.get_by_role("list").first
        await expect(hottest.get_by_text(f"Warum Stufe {levels[0]}")).to_be_visible()
        await expect(why).to_contain_text("kritische Stimmen in der letzten Stunde")
        await expect(why.get_by_role("listitem").last).to_contain_text(f"Stufe {levels[0] + 1}")
        other = cards.filter(has_text="Kupplung")
        await expect(other.get_by_text("Warum Stufe")).to_be_visible()
        await expect(other.locator(".why-level")).not_to_be_visible()


async def test_what_a_person_folded_stays_folded(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(*a_storm("Kupplung"))
        card = page.get_by_role("article")
        await expect(card.locator(".why-level")).to_be_visible()
        await card.locator("summary", has_text="Warum Stufe").focus()
        await page.keyboard.press("Enter")
        await expect(card.locator(".why-level")).not_to_be_visible()
        await page.get_by_role("button", name="English").click()
        await expect(card.get_by_text("Why level")).to_be_visible()
        await expect(card.locator(".why-level")).not_to_be_visible()


async def test_the_headline_says_what_is_spoken_of(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser, locale="en-GB") as page:
        await sign_in(page, site)
        await site.publish(*a_storm("Kupplung"))
        title = page.get_by_role("article").get_by_role("heading", level=3)
        await expect(title).to_contain_text("Kupplung")
        await expect(title).to_contain_text("(Critical post)")
        await page.get_by_role("button", name="Deutsch").click()
        await expect(title).to_contain_text("(Kritischer Beitrag)")


async def test_the_story_is_told_first_and_no_post_twice(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(*a_storm("Kupplung"))
        card = page.get_by_role("article")
        await card.get_by_text("Wortlaut und Belege").click()
        headings = card.locator(".background").get_by_role("heading")
        await expect(headings.first).to_have_text("Darum geht es")
        await expect(headings.last).to_have_text("Was noch gesagt wurde")
        story = card.locator(".background ul").first.get_by_role("blockquote")
        await expect(story).to_have_count(5)
        await card.get_by_role("button", name="Alle 35 zeigen").click()
        quotes = await card.get_by_role("blockquote").all_inner_texts()
        assert len(quotes) == len(set(quotes)) == 40


async def test_what_paged_nobody_is_kept_in_sight_without_alarm(
    site: Site, browser: Browser
) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(*a_campaign())
        watched = page.get_by_role("region", name="Im Auge behalten")
        await expect(watched.get_by_role("article")).to_contain_text("Stufe 1 von 6")
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")
        await expect(page.get_by_role("heading", name="Offene Vorfälle")).not_to_be_visible()
        assert await page.title() == "Brandmelder"

        await site.publish(replace(a_mention(1, BURNING), watch="e-bike"))
        await expect(page.locator("h1:visible")).to_have_text("Es brennt: 1 offener Vorfall")
        await expect(page.locator("#incident-list article")).to_contain_text("Bremse versagt")
        await expect(watched.get_by_role("article")).to_have_count(1)
        assert await page.title() == "(1) Brandmelder"

        # Whoever takes it makes it an incident like any other.
        await watched.get_by_role("button", name="Ich übernehme").click()
        await page.get_by_label("Name").fill("Anna")
        await page.keyboard.press("Enter")
        await expect(page.locator("#incident-list article")).to_have_count(2)
        await expect(watched).not_to_be_visible()


async def test_noise_is_said_with_a_reason_and_counted(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser, locale="en-GB") as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING))
        card = page.get_by_role("article")
        await expect(card).to_contain_text("Nobody is on it yet")
        await expect(card.get_by_role("button", name="Was noise")).to_have_count(0)
        await take(page)

        rating = card.get_by_role("group", name="Was it worth the page?")
        noise = rating.get_by_role("button", name="Was noise")
        await noise.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        await expect(noise).to_have_attribute("aria-pressed", "false")
        await noise.click()
        async with page.expect_request("**/rating") as sent:
            await page.get_by_label("Why not?").fill("A quote from a film.")
            await page.get_by_role("button", name="Save").click()
        assert (await sent.value).post_data_json == {
            "by": "Anna",
            "noise": True,
            "why": "A quote from a film.",
        }
        await expect(noise).to_have_attribute("aria-pressed", "true")

        await page.get_by_text("What the pages cost").click()
        row = page.get_by_role("row", name="Danger")
        await expect(row.get_by_role("cell")).to_have_text(["1 of 3", "1 of 1 rated"])
        await rating.get_by_role("button", name="Worth the page").click()
        await expect(noise).to_have_attribute("aria-pressed", "false")
        await expect(row.get_by_role("cell")).to_have_text(["1 of 3", "0 of 1 rated"])


@pytest.mark.parametrize("width", [320, 1280])
async def test_the_costs_are_a_table_with_suggestions(
    site: Site, browser: Browser, width: int
) -> None:
    async with site.running(), a_page(browser, width) as page:
        await page.route("**/v1/rules", lambda route: route.fulfill(json={"items": MANY_RULES}))
        await sign_in(page, site)
        costs = page.locator("#costs")
        await expect(costs).to_contain_text("1 Regel über Budget")
        await expect(page.get_by_role("table")).not_to_be_visible()
        await costs.get_by_text("Was die Meldungen kosten").first.click()
        rows = page.get_by_role("table").get_by_role("row")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(1)).to_contain_text("Gefahr")
        await expect(rows.nth(1).get_by_role("cell")).to_have_text(
            ["5 von 3über Budget", "4 von 6 bewerteten"]
        )
        await expect(rows.nth(2)).to_contain_text("bremse-oder-lenkung-an-einem-vorserienmodell")
        await expect(rows.nth(2)).to_contain_text("noch nicht bewertet")
        await expect(costs.get_by_role("listitem")).to_have_text(
            "Gefahr: Mit der Schwelle 0,82 (Schwere) wären 3 von 4 unnötigen Meldungen "
            "ausgeblieben, und alle 2 berechtigten wären gekommen."
        )
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) == 0
        await page.get_by_role("button", name="English").click()
        await expect(costs.get_by_role("listitem")).to_have_text(
            "Danger: with a threshold of 0.82 (severity), 3 of 4 noisy pages would not have gone "
            "out, and all 2 that mattered would have."
        )


@pytest.mark.parametrize("status", [403, 404])
async def test_costs_that_are_not_for_this_reader_are_not_there(
    site: Site, browser: Browser, status: int
) -> None:
    asked: list[str] = []

    async def refuse(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=status, json={"title": "no"})

    async with site.running(), a_page(browser) as page:
        await page.route("**/v1/rules", refuse)
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING))
        await expect(page.get_by_role("article")).to_be_visible()
        await expect(page.locator("#costs")).not_to_be_visible()
    assert len(asked) == 1
