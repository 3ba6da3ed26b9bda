"""The first page in a real browser, on the real services of query and alert."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, Route, expect

from libs.common.events import SourceHealthChanged
from tests.support.first_page import BURNING, TOKEN, Site, a_mention, a_page, sign_in


async def test_it_burns_and_somebody_takes_it(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        assert page.url == f"{site.address}/"
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")

        await site.publish(a_mention(1, BURNING, cue="Bremse versagt"))
        await expect(page.locator("h1:visible")).to_have_text("Es brennt: 1 offener Vorfall")
        incident = page.get_by_role("article")
        await expect(incident).to_contain_text("Stufe 3 von 6")
        await expect(incident).to_contain_text("1 Erwähnung")
        await expect(incident).to_contain_text("Was jetzt zu tun ist")
        await expect(incident.locator(".step").first).to_contain_text("noch ")
        assert await page.title() == "(1) Brandmelder"

        await incident.get_by_role("button", name="Ich übernehme").click()
        await page.get_by_label("Name").fill("Anna")
        await page.get_by_role("button", name="Weiter").click()
        await expect(incident).to_contain_text("Übernommen von Anna")
        await expect(page.locator("h1:visible")).to_have_text("1 Vorfall in Arbeit")

        await incident.get_by_role("button", name="Als erledigt melden").first.click()
        await expect(incident.locator(".step.done")).to_contain_text("erledigt von Anna")

        await incident.get_by_text("Wortlaut und Belege").click()
        await expect(incident.get_by_role("blockquote")).to_contain_text("die Bremse versagt")

        await incident.get_by_role("button", name="Vorfall beenden").click()
        await page.get_by_label("Begründung").fill("Rückruf läuft, Kunde versorgt.")
        await page.get_by_role("button", name="Beenden", exact=True).click()
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")


async def test_what_decided_is_marked_at_its_place(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING, cue="Bremse versagt"))
        mention = page.locator(".mention")
        await expect(mention.locator("mark")).to_have_text("Bremse versagt")
        await expect(mention.locator(".tag")).to_have_text("Krisenkandidat")
        await expect(mention.locator(".mention-text")).to_have_text(BURNING)


async def test_a_person_corrects_a_label_with_the_keyboard(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page, a_page(browser, locale="en-GB") as other:
        for each in (page, other):
            await sign_in(each, site)
        await site.publish(
            a_mention(1, "Die Gabel klappert", label="complaint", severity=0.4, uncertain=True)
        )
        mention = page.locator(".mention")
        await expect(mention.locator(".tag")).to_have_text("Beschwerde")
        await expect(mention.locator(".unsure")).to_have_text("unsicher")
        await expect(other.locator(".mention .unsure")).to_have_text("unsure")
        await site.all_stored()

        await mention.get_by_text("Einordnung korrigieren").focus()
        await page.keyboard.press("Enter")
        await mention.get_by_role("button", name="Frage").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Name").fill("Anna")
        await page.keyboard.press("Enter")
        await expect(mention.locator(".tag")).to_have_text("Frage")
        await expect(mention.locator(".unsure")).to_have_count(0)
        await expect(mention.locator(".corrected")).to_have_text(
            "korrigiert von Anna, vorher Beschwerde"
        )
        # Whoever else looks sees it at once, in their own language.
        await expect(other.locator(".mention .tag")).to_have_text("Question")
        await expect(other.locator(".corrected")).to_have_text("corrected by Anna, was Complaint")

        await page.reload()
        await expect(mention.locator(".tag")).to_have_text("Frage")
        await mention.get_by_text("Einordnung korrigieren").click()
        await mention.get_by_role("button", name="Korrektur zurücknehmen").click()
        await expect(mention.locator(".tag")).to_have_text("Beschwerde")
        await expect(mention.locator(".corrected")).to_have_count(0)
        await expect(other.locator(".mention .tag")).to_have_text("Complaint")


async def test_a_label_that_could_not_be_kept_is_said(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, "Die Gabel klappert", label="complaint", severity=0.4))
        await page.route("**/label", lambda route: route.abort())
        await page.get_by_text("Einordnung korrigieren").click()
        await page.get_by_role("group", name="Was ist es wirklich?").get_by_text("Lob").click()
        await page.get_by_label("Name").fill("Anna")
        await page.keyboard.press("Enter")
        await expect(page.locator("#stream-note")).to_contain_text("nicht geklappt")
        await expect(page.locator(".mention .tag")).to_have_text("Beschwerde")


async def test_what_arrives_while_the_page_loads_stays(site: Site, browser: Browser) -> None:
    arrived = asyncio.Event()

    async def late_and_empty(route: Route) -> None:
        await arrived.wait()
        await route.fulfill(json={"items": [], "warnings": []})

    async with site.running(), a_page(browser) as page:
        await page.route("**/v1/mentions?*", late_and_empty)
        await sign_in(page, site)
        await site.publish(a_mention(1, "gerade eben"))
        await expect(page.locator(".mention-text")).to_have_text("gerade eben")
        async with page.expect_response("**/v1/mentions?*"):
            arrived.set()
        await page.evaluate("() => new Promise(requestAnimationFrame)")
        await expect(page.locator(".mention-text")).to_have_text("gerade eben")


async def test_what_strangers_write_stays_text(site: Site, browser: Browser) -> None:
    text = "<img src=x onerror=alert(1)> & <b>fett</b>"
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, text, label="other", severity=0.0))
        await expect(page.locator(".mention-text")).to_have_text(text)
        assert await page.locator(".mention-text *").count() == 0


async def test_the_stream_follows_the_query(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await site.publish(a_mention(1, "Die Gabel klappert", label="complaint", severity=0.2))
        await sign_in(page, site)
        await page.get_by_role("searchbox").fill("gabel")
        await page.get_by_role("button", name="Filtern").click()
        await expect(page.locator("#connection-text")).to_have_text("Live")
        await expect(page.locator(".mention")).to_have_count(1)
        await site.publish(
            a_mention(2, "Der Lenker wackelt", label="complaint", severity=0.2),
            a_mention(3, "Die Gabel bricht", label="complaint", severity=0.2),
        )
        await expect(page.locator(".mention-text")).to_have_text(
            ["Die Gabel bricht", "Die Gabel klappert"]
        )
        assert page.url == f"{site.address}/?q=gabel"


async def test_a_wrong_query_is_explained_under_the_box(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await page.get_by_role("searchbox").fill("bremse AND label:wut")
        await page.keyboard.press("Enter")
        notes = page.locator("#query-notes")
        await expect(notes).to_contain_text("Zeichen 18")
        await expect(notes).to_contain_text("Erwartet:")
        await expect(notes.locator("pre mark")).to_have_text("w")
        await page.get_by_role("searchbox").fill("bremse")
        await page.keyboard.press("Enter")
        await expect(page.locator("#connection-text")).to_have_text("Live")
        await expect(notes).to_be_empty()


async def test_a_page_that_was_cut_off_goes_on_where_it_was(site: Site, browser: Browser) -> None:
    async with a_page(browser) as page:
        async with site.running():
            await sign_in(page, site)
            await site.publish(a_mention(1, "eins", label="other", severity=0.0))
            await expect(page.locator(".mention")).to_have_count(1)
            await site.all_stored()
        await expect(page.locator("#connection-text")).to_contain_text("Verbindung verloren")
        await site.publish(a_mention(2, "zwei", label="other", severity=0.0))
        async with site.running():
            await expect(page.locator(".mention-text")).to_have_text(["zwei", "eins"])
            await expect(page.locator("#connection-text")).to_have_text("Live")


async def test_a_wrong_or_missing_token_is_met_kindly(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser, locale="en-GB") as page:
        await page.goto(site.address)
        await expect(page.locator("#sign-in")).to_contain_text("Open the link that Brandmelder")
        await page.get_by_label("Access key").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator("#sign-in")).to_contain_text("This key does not fit")
        await page.get_by_label("Access key").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.locator("#connection-text")).to_have_text("Live")


async def test_the_language_can_be_switched_and_is_remembered(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser, locale="en-GB") as page:
        await sign_in(page, site)
        await expect(page.locator("h1:visible")).to_have_text("Nothing is burning.")
        await page.get_by_role("button", name="Deutsch").click()
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")
        await page.reload()
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")
        assert await page.locator("html").get_attribute("lang") == "de"


async def test_the_link_of_a_page_leads_to_its_incident(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING))
        incident = page.get_by_role("article")
        await expect(incident).to_be_visible()
        name = (await incident.get_attribute("id") or "").removeprefix("incident-")
        await page.goto(f"{site.address}/?incident={name}")
        await expect(page.locator(".incident.asked")).to_be_in_viewport()


async def test_a_title_is_read_in_ones_own_language(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser, locale="en-GB") as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING))
        incident = page.get_by_role("article")
        await expect(incident.locator("h3")).to_contain_text("Critical post")
        await page.get_by_role("button", name="Deutsch").click()
        await expect(incident.locator("h3")).to_contain_text("Kritischer Beitrag")


async def test_the_sources_are_one_quiet_line_with_a_list_behind_it(
    site: Site, browser: Browser
) -> None:
    items = [
        {
            "id": "shop",
            "health": "unchanged",
            "reason": None,
            "last_success": "2026-11-22T02:00:00Z",
            "seen_a_day": 0,
            "usual_a_day": 12.4,
            "coverage": {"day": 1.0},
        },
        {
            "id": "press",
            "health": "auth_failed",
            "reason": "credentials refused: 401",
            "since": "2026-11-22T02:00:00Z",
            "last_success": None,
            "seen_a_day": None,
            "usual_a_day": None,
            "coverage": {"day": None},
        },
    ]
    async with site.running(), a_page(browser) as page:
        await page.route("**/v1/sources", lambda route: route.fulfill(json={"items": items}))
        await sign_in(page, site)
        note, listed = page.locator("#sources-note"), page.locator("#source-list li")
        await expect(note).to_have_text("Quellen: 1 braucht Aufmerksamkeit")
        await expect(listed.first).not_to_be_visible()
        await note.click()
        await expect(listed.nth(0)).to_contain_text("press")
        await expect(listed.nth(0)).to_contain_text("Zugangsdaten abgelehnt")
        await expect(listed.nth(0)).to_contain_text("credentials refused: 401")
        await expect(listed.nth(0)).to_contain_text("Beiträge der letzten 24 Std.: unbekannt")
        await expect(listed.nth(1)).to_contain_text("in Ordnung, nichts Neues")
        await expect(listed.nth(1)).to_contain_text("Beiträge der letzten 24 Std.: 0, üblich 12")
        items.pop()
        await expect(note).to_have_text("Quellen: alle in Ordnung")
        await page.get_by_role("button", name="English").click()
        await expect(note).to_have_text("Sources: all well")
        await expect(listed).to_contain_text("well, nothing new")


async def test_a_sick_source_is_an_incident_on_the_page(site: Site, browser: Browser) -> None:
    now = datetime.now(UTC)
    sick = SourceHealthChanged(
        source="bikeforum",
        kind="discourse",
        at=now,
        health="auth_failed",
        reason="credentials refused: 401",
        well=False,
        since=now,
    )
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await site.tells(sick)
        incident = page.get_by_role("article")
        await expect(incident.locator("h3")).to_have_text(
            "Die Quelle bikeforum lehnt unsere Zugangsdaten ab"
        )
        await expect(incident.locator(".facts")).to_contain_text("Betrieb")
        # Only level 1, but somebody was paged: it is not among what is only to be kept in sight.
        await expect(page.locator("h1:visible")).to_have_text("Es brennt: 1 offener Vorfall")
        await expect(incident).to_contain_text("Quelle fällt aus")
        await site.tells(replace(sick, health="ok", well=True, at=now + timedelta(seconds=1)))
        await expect(page.locator("h1:visible")).to_have_text("Es brennt nicht.")


async def test_a_page_that_did_not_arrive_and_many_posts(site: Site, browser: Browser) -> None:
    failed = {"to": "person:anna", "channel": "mail", "state": "failed", "reason": "no such box"}
    post = {"text": "Bremse", "platform": "review", "source": "shop", "url": None}

    async def with_failures(route: Route) -> None:
        response = await route.fetch()
        full = await response.json()
        shown = {"pages": [failed], "story": [], "evidence": [post] * 7}
        await route.fulfill(json={**full, **shown})

    async with site.running(), a_page(browser) as page:
        await page.route(re.compile(r"/v1/incidents/\w+$"), with_failures)
        await sign_in(page, site)
        await site.publish(a_mention(1, BURNING))
        incident = page.get_by_role("article")
        await expect(incident.locator(".undelivered")).to_have_text(
            "Nachricht an anna nicht zugestellt: no such box"
        )
        await incident.get_by_text("Wortlaut und Belege").click()
        await expect(incident.get_by_role("blockquote")).to_have_count(5)
        await incident.get_by_role("button", name="Alle 7 zeigen").click()
        await expect(incident.get_by_role("blockquote")).to_have_count(7)
        await expect(incident.locator(".background")).to_contain_text("Bewertung · shop")


async def test_a_failed_poll_is_said_in_plain_words(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await sign_in(page, site)
        await page.route("**/v1/incidents?*", lambda route: route.abort())
        await expect(page.locator("#connection-text")).to_contain_text("Verbindung verloren")
        await expect(page.locator("#incidents-error")).to_contain_text("nicht erreichbar")
        await page.unroute("**/v1/incidents?*")
        await expect(page.locator("#connection-text")).to_have_text("Live")


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_is_wider_than_the_screen(site: Site, browser: Browser, width: int) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitän" * 5
    async with site.running(), a_page(browser, width) as page:
        await sign_in(page, site)
        await site.publish(a_mention(1, f"{long} {BURNING}", cue="Bremse versagt"))
        await expect(page.get_by_role("article")).to_be_visible()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) == 0


async def test_events_are_read_however_they_are_cut(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await page.goto(site.address)
        events = await page.evaluate(
            """async () => {
              const {EventParser} = await import("/web/stream.js");
              const text = "retry: 5\\n\\n: alive\\nid: a\\n\\nevent: mention\\r\\ndata: 1\\r\\n"
                + "data: 2\\r\\nid: b\\r\\n\\r\\ndata: last\\n\\ndata: cut";
              return [1, 2, 3, 100].map((size) => {
                const parser = new EventParser();
                const found = [];
                for (let i = 0; i < text.length; i += size) {
                  found.push(...parser.push(text.slice(i, i + size)));
                }
                return found;
              });
            }"""
        )
    expected = [
        {"type": "message", "data": None, "id": None, "retry": 5},
        {"type": "message", "data": None, "id": "a", "retry": None},
        {"type": "mention", "data": "1\n2", "id": "b", "retry": None},
        {"type": "message", "data": "last", "id": None, "retry": None},
    ]
    assert events == [expected] * 4


async def test_marks_that_overlap_are_cut_into_pieces(site: Site, browser: Browser) -> None:
    async with site.running(), a_page(browser) as page:
        await page.goto(site.address)
        pieces = await page.evaluate(
            """async () => {
              const {pieces} = await import("/web/highlight.js");
              return pieces("👍 gut aber teuer", [
                {end: 5, label: "praise", weight: 1},
                {start: 2, end: 10, label: "complaint", weight: 2},
                {start: 90, end: 99, label: "question", weight: 3},
              ]);
            }"""
        )
    assert pieces == [
        {"text": "👍 ", "label": "praise"},
        {"text": "gut aber", "label": "complaint"},
        {"text": " teuer", "label": None},
    ]
