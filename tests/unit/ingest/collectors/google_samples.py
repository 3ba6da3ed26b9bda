"""A service account as Google's console gives it, made for the tests."""

from __future__ import annotations

from functools import cache

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "brandmelder@acme.iam.gserviceaccount.com"
TOKENS = "https://oauth2.googleapis.com/token"
TOKEN = {"access_token": "ya29.geheim", "expires_in": 3599, "token_type": "Bearer"}


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file() -> str:
    pem = key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    fields = {"type": "service_account", "client_email": EMAIL, "private_key": pem.decode()}
    return msgspec.json.encode({**fields, "token_uri": TOKENS}).decode()
