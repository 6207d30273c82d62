"""Around the application on a TCP port: a page in a browser may not ask it, unless it is ours.

Any page may send requests to a port of this machine. It cannot help saying so: in Origin, in Sec-Fetch-Site, in the Host
that its own name has been pointed to (DNS rebinding), or by asking beforehand for a JSON body, which is never granted.
"""

import json
import re

_LOOPBACK = re.compile(r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class Guard:
    """A WSGI application around another."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        refused = refusal(environ)
        if refused is None:
            return self._application(environ, start_response)
        status, why = refused
        data = json.dumps({"error": why}).encode() + b"\n"
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data))), ("Connection", "close")])
        return [data]


def refusal(environ):
    """(HTTP status, why) for a request that is not to be heard, or None."""
    host = environ.get("HTTP_HOST", "")
    if not _LOOPBACK.fullmatch(host):
        return "403 Forbidden", f"Host {host[:100]}: this port answers to localhost, 127.0.0.1 and [::1]"
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return "403 Forbidden", f"Origin {origin[:100]}: pages from elsewhere may not ask"
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin") and not _follows_a_link(environ):
        return "403 Forbidden", "pages from elsewhere may not ask"
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "DELETE") and _kind(environ) != "application/json":
        return "415 Unsupported Media Type", "Content-Type: expected application/json"
    return None


def _follows_a_link(environ):
    """To the console, say: what it shows the other page does not see."""
    return environ["REQUEST_METHOD"] == "GET" and environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") == "document"


def _kind(environ):
    return environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
