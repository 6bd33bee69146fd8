"""The API key that a client signs its requests with: made when the exchange starts, and gone with it."""

import uuid

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


class PaperKey:
    """A key that nobody has seen before: its ``name``, and as ``secret`` its private half, in PEM."""

    def __init__(self) -> None:
        self.name = f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}"
        private = ec.generate_private_key(ec.SECP256R1())
        self.secret = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()
        self._public = private.public_key()

    def signed(self, token: str, uri: str | None = None) -> bool:
        """Tell whether a token was made with this key, for this ``METHOD host/path`` where it must be."""
        try:
            claims = jwt.decode(token.removeprefix("Bearer "), self._public, algorithms=["ES256"], issuer="cdp")
        except jwt.InvalidTokenError:
            return False
        return claims.get("sub") == self.name and (uri is None or claims.get("uri") == uri)
