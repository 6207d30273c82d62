"""The web console: a page, its styles and its scripts, as they lie in console/. What they show they ask of this API.

Nothing from elsewhere is loaded, no script stands in the page, and nobody may frame it: what a record holds can do nothing here.
"""

from pathlib import Path

from emulator.apps.control.schema import text
from emulator.apps.control.table import Content, NotThere, Route

FOLDER = Path(__file__).parent / "console"
_KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
))  # fmt: skip
_HEADERS = (
    ("Content-Security-Policy", _POLICY), ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
)  # fmt: skip


def _file(name):
    for path in FOLDER.iterdir():
        if path.name == name and path.suffix in _KINDS:
            return Content(path.read_bytes(), _KINDS[path.suffix], _HEADERS)
    raise NotThere(f"no file {name[:100]}")


ROUTES = (
    Route("GET", "/", lambda server, asked: _file("index.html"), "the web console", kind="text/html", is_public=True),
    Route("GET", "/console/{file}", lambda server, asked: _file(asked["file"]), "a file of the web console", {"file": text("its name")}, kind="text/plain", is_public=True),
)
