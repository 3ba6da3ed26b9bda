"""App Store Connect's customer reviews: https://developer.apple.com/documentation/appstoreconnectapi

Takes tokens that are signed with `private_key`, good for twenty minutes at most, and no others.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from functools import cache
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

APP: Final = "310633997"
KEY_ID: Final = "2X9R4HXF34"
ISSUER: Final = "57246542-96fe-1a63-e053-0824d011072a"
_LONGEST: Final = 20 * 60
_MOST: Final = 200
_CUPERTINO: Final = timezone(timedelta(hours=-7))


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_key() -> str:
    """What the .p8 file of the team's key holds."""
    return (
        _key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def routes(board: Board) -> list[BaseRoute]:
    async def reviews(request: Request) -> Response:
        if not _is_allowed(request, board):
            return _error(401, "NOT_AUTHORIZED")
        asked = request.query_params
        size = min(int(asked.get("limit", 50)), board.page_size, _MOST)
        start = int(asked.get("cursor", 0))
        found = board.shown()
        links = {"self": str(request.url)}
        if start + size < len(found):
            links["next"] = str(request.url.include_query_params(cursor=start + size))
        data = [_review(post) for post in found[start : start + size]]
        return JSONResponse({"data": data, "links": links})

    async def review(request: Request) -> Response:
        if not _is_allowed(request, board):
            return _error(401, "NOT_AUTHORIZED")
        for post in board.shown():
            if _id(post) == request.path_params["id"]:
                return JSONResponse({"data": _review(post)})
        return _error(404, "NOT_FOUND")

    return [
        Route(f"/v1/apps/{APP}/customerReviews", reviews),
        Route("/v1/customerReviews/{id}", review),
    ]


def _is_allowed(request: Request, board: Board) -> bool:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        if jwt.get_unverified_header(token).get("kid") != KEY_ID:
            return False
        claims = jwt.decode(
            token,
            _key().public_key(),
            algorithms=["ES256"],
            audience="appstoreconnect-v1",
            issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        return False
    now = board.clock().timestamp()
    is_current = claims["iat"] - 1 <= now < claims["exp"] <= claims["iat"] + _LONGEST
    return is_current and not board.refuses


def _error(status: int, code: str) -> Response:
    errors = [{"status": str(status), "code": code, "title": code.replace("_", " ").lower()}]
    return JSONResponse({"errors": errors}, status)


def _id(post: Written) -> str:
    return f"00000000-0000-0000-0000-{post.number:012x}"


def _review(post: Written) -> dict[str, object]:
    return {
        "type": "customerReviews",
        "id": _id(post),
        "attributes": {
            "rating": post.rating or 1,
            "title": post.title,
            "body": post.text,
            "reviewerNickname": post.author,
            "createdDate": post.written_at.astimezone(_CUPERTINO).isoformat(),
            "territory": "DEU",
        },
        "relationships": {"response": {"links": {}}},
    }
