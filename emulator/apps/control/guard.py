"""Around the application on a TCP port: who does not know its token may not ask it, nor may a page in a browser, unless it is ours.

Any page may send requests to a port of this machine. It cannot help saying so: in Origin, in Sec-Fetch-Site, in the Host
that its own name has been pointed to (DNS rebinding), or by asking beforehand for a JSON body, which is never granted.
"""

import json
import re

_LOOPBACK = re.compile(r"localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]", re.IGNORECASE)
_NUMBERS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\]", re.IGNORECASE)  # no name server has a say in these
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d{1,5})?")


class Guard:
    """A WSGI application around a ControlApi.

    `bound`: the name or address that its port is bound to, () for all interfaces: then any address in numbers will do;
    `hosts`: further names. `token`: a Token, None where there is none.
    """

    def __init__(self, application, bound=(), hosts=(), token=None):
        self._application = application
        self._any_number = not bound
        self._names = frozenset(f"[{name}]" if ":" in name else name for name in (*bound, *hosts))
        self._token = token

    def __call__(self, environ, start_response):
        refused = self.refusal(environ)
        if refused is None:
            return self._application(environ, start_response)
        status, headers, why = refused
        data = json.dumps({"error": why}).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data))), ("Connection", "close"), ("Cache-Control", "no-store"), *headers]
        start_response(status, headers)
        return [data]

    def hears(self, environ):
        """Whether it is worth while to read all of a request."""
        return self.refusal(environ) is None

    def refusal(self, environ):
        """(HTTP status, headers, why) for a request that is not to be heard, or None."""
        host = environ.get("HTTP_HOST", "")
        if not self._is_called(host):
            names = ", ".join(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", *sorted(self._names))))
            return "403 Forbidden", [], f"Host {host[:100]}: this port answers to {names} (control.hosts adds names)"
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return "403 Forbidden", [], f"Origin {origin[:100]}: pages from elsewhere may not ask"
        if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin") and not _follows_a_link(environ):
            return "403 Forbidden", [], "pages from elsewhere may not ask"
        if self._token is not None and not self._token.is_in(environ.get("HTTP_AUTHORIZATION", "")) and not self._application.is_public(environ):
            return "401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="kafka-emulator"')], "this port takes a token: Authorization: Bearer TOKEN"
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "DELETE") and _kind(environ) != "application/json":
            return "415 Unsupported Media Type", [], "Content-Type: expected application/json"
        return None

    def _is_called(self, host):
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match[1].lower()
        return bool(_LOOPBACK.fullmatch(name)) or name in self._names or self._any_number and bool(_NUMBERS.fullmatch(name))


def _follows_a_link(environ):
    """To the console, say: what it shows the other page does not see."""
    return environ["REQUEST_METHOD"] == "GET" and environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") == "document"


def _kind(environ):
    return environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
