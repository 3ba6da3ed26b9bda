"""The kinds of sources that deliver, with the stand-ins that sign as their platforms do."""

from __future__ import annotations

from typing import Final

from sandbox.platforms.linkedin import LinkedInPage
from sandbox.platforms.meta import FacebookPage, InstagramAccount
from sandbox.platforms.x_webhook import XAccount
from tests.contract.collectors.delivering import HookCase

SECRET: Final = "geheim: ein Schlüssel"
TOKEN: Final = "geheimes Wort"
_META: Final = {"app_secret": SECRET, "verify_token": TOKEN}
_NOT_TOLD: Final = "Instagram tells of new comments only"

HOOK_CASES: Final = (
    HookCase("facebook", "meta", lambda: FacebookPage(SECRET, TOKEN), _META),
    HookCase(
        "instagram",
        "meta",
        lambda: InstagramAccount(SECRET, TOKEN),
        _META,
        lacks={"edit": _NOT_TOLD, "deletion": _NOT_TOLD},
    ),
    HookCase("linkedin", "linkedin", lambda: LinkedInPage(SECRET), {"client_secret": SECRET}),
    HookCase("x_webhook", "x_webhook", lambda: XAccount(SECRET), {"consumer_secret": SECRET}),
)
"""One for each platform; a kind may deliver for several."""
