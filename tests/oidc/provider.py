"""A scripted identity provider: what it says of its tokens can be wrong in any way."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET, KID = "assistant", "secret-of-the-client", "key-1"


class ScriptedProvider:
    """``claims`` are those of the next ID token, over the right ones; ``userinfo`` those of the endpoint.
    ``key`` and ``algorithm`` sign it. ``requests`` are the bodies that the token endpoint got."""

    def __init__(self) -> None:
        self.key = self.published = rsa.generate_private_key(65537, 2048)
        self.requests: list[dict[str, str]] = []
        self.begin()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = {
                    "/.well-known/openid-configuration": provider.document,
                    "/keys": provider.keys,
                    "/userinfo": lambda: provider.userinfo,
                }
                answer: Any = answers[self.path]
                self._answer(answer())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = {name: values[0] for name, values in parse_qs(body).items()}
                provider.requests.append(given)
                self._answer(
                    {"access_token": "at", "token_type": "Bearer", "id_token": provider.token()}
                )

            def _answer(self, body: Any) -> None:
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def begin(self) -> None:
        """As at the start, for the next test."""
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.nonce, self.algorithm = "", "RS256"
        self.key = self.published

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def document(self) -> dict[str, Any]:
        ends = {"authorization": "auth", "token": "token", "userinfo": "userinfo"}
        found: dict[str, Any] = {f"{end}_endpoint": f"{self.url}/{at}" for end, at in ends.items()}
        found["end_session_endpoint"] = f"{self.url}/end"
        return {**found, "issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def keys(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.published.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KID, "use": "sig"}]}

    def token(self) -> str:
        now = int(time.time())
        right = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.nonce}
        self.userinfo.setdefault("sub", self.claims.get("sub", "nobody"))
        key: Any = SECRET * 4 if self.algorithm.startswith("HS") else self.key
        claims = {
            name: value for name, value in {**right, **self.claims}.items() if value is not None
        }
        if self.algorithm == "none":
            return jwt.encode(claims, "", "none", {"kid": KID})
        return jwt.encode(claims, key, self.algorithm, {"kid": KID})
