"""Masking of accounts and addresses."""

import pytest

from libs.common.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Danke @MotorradAG!", "Danke @user!"),
        ("@anna @uwe.b, schaut", "@user @user, schaut"),
        ("von @anna@social.example.", "von @user."),
        ("Mail an anna.b+x@firma.example bitte", "Mail an @user bitte"),
        ("wie u/brems_er und /u/Fan-1 sagen", "wie @user und @user sagen"),
        ("siehe https://a.example/x?y=1#z.", "siehe http."),
        ("(www.a.example/b) und HTTP://B.example", "(http) und http"),
        ("https://social.example/@anna", "http"),
        ("instagram.com/anna.b und t.me/anna.", "http und http."),
        ("(Forum.example:8080/u/anna)", "(http)"),
        ("anna.bsky.social, Mein-Blog.tumblr.com", "http, http"),
        ("ftp://a.example/b tg://resolve?domain=anna", "http http"),
        (r"http:\/\/a.example\/b", "http"),
        ("\uff20anna und erika\uff20firma.example", "@user und @user"),
        (
            "und/oder, z.B./u.a., 24.12./25.12. und 1.5/2.5",
            "und/oder, z.B./u.a., 24.12./25.12. und 1.5/2.5",
        ),
        (
            "max#1234 von firma.example, Tel. 0241 1234",
            "max#1234 von firma.example, Tel. 0241 1234",
        ),
        ("5 @ 3 und a/u/b", "5 @ 3 und a/u/b"),
    ],
)
def test_accounts_and_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown
