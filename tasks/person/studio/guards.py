"""Let nobody in but who has the key, and say with every answer what a browser may do with it."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.person.page.guard import HEADERS, Refused, keys_in_cookies, refuse_stranger

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    **HEADERS,
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), usb=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Stand before the application: refuse strangers, set the cookie, add headers.

    Args:
        app: What answers.
        names: What the page may be called in `Host`.
        key: Its key.
        cookie: What its cookie is called; cookies know no ports.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str], key: str, cookie: str) -> None:
        self.app, self.names, self.key, self.cookie = app, names, key, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in ALWAYS.items():
                    headers[name] = text
                if scope["path"] == "/" and message["status"] == 200:
                    headers["Set-Cookie"] = f"{self.cookie}={self.key}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        try:
            self._check(scope)
        except Refused as refused:
            await _tell(with_headers, refused.status, str(refused))
            return
        await self.app(scope, receive, with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        try:
            keys = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=50).get("token", [])
        except ValueError:
            raise Refused(400, "that is no address") from None
        keys += keys_in_cookies(headers.getlist("cookie"), self.cookie)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            keys.append(bearer.strip())
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        refuse_stranger(self.names, host, headers.get("origin"), self.key, keys)
        length = headers.get("content-length", "0").strip()
        if scope["method"] in ("GET", "HEAD") and ("transfer-encoding" in headers or length not in ("", "0")):
            raise Refused(400, "a question has no body")


async def _tell(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
