"""A headless Chromium, driven over its DevTools protocol through two pipes: no port, no driver, no library."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE_S = 20


def found():
    """The path of a browser, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class PageError(AssertionError):
    """A script of the page failed."""


class Browser:
    """One page. `errors`: what its scripts threw and its console was told; `answers`: {url: HTTP status} of what it has loaded."""

    def __init__(self, process, to_it, from_it):
        self._process, self._to, self._from = process, to_it, from_it
        self._rest, self._number, self._session = b"", 0, None
        self.errors, self.answers = [], {}

    def attach(self):
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method, **parameters):
        """A command of the protocol, and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._number:
                if "error" in told:
                    raise PageError(f"{method}: {told['error']}")
                return told["result"]
            self._heard(told)

    def _read(self):
        until = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0, until - time.monotonic()))
            piece = os.read(self._from, 1 << 20) if ready else b""
            if not piece:
                raise PageError("the browser says nothing any more")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _heard(self, told):
        method, values = told.get("method"), told.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.errors.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")
        elif method == "Network.responseReceived":
            self.answers[values["response"]["url"]] = values["response"]["status"]

    # -- what a person does ------------------------------------------------------------------------

    def open(self, url):
        self.do("Page.navigate", url=url)

    def run(self, expression):
        """The value of an expression of JavaScript, a promise's once it is there."""
        found = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in found:
            raise PageError(found["exceptionDetails"].get("exception", {}).get("description") or found["exceptionDetails"]["text"])
        return found["result"].get("value")

    def until(self, expression, what=None, patience_s=_PATIENCE_S):
        """Its value once it is true; `what` is said where it never is."""
        deadline = time.monotonic() + patience_s
        while not (value := self.run(expression)):
            if time.monotonic() > deadline:
                raise PageError(f"{what or expression}; errors: {self.errors}; the page:\n{self.text()}")
        return value

    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def sees(self, text, where="body"):
        self.until(f"document.querySelector({json.dumps(where)})?.innerText.includes({json.dumps(text)})", f"no {text!r} in {where}")

    def focus(self, selector):
        self.until(f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one?.focus(); return one !== null && document.activeElement === one }})()", selector)

    def key(self, name, text=None, modifiers=0):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(name) if text is None else text
        common = {"key": name, "code": "Space" if name == " " else name, "windowsVirtualKeyCode": codes.get(name, 0), "modifiers": modifiers}
        self.do("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **({"text": text} if text else {}), **common)
        self.do("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.do("Input.insertText", text=text)

    def click(self, selector):
        self.until(f"document.querySelector({json.dumps(selector)}) !== null", f"nothing is {selector}")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def look(self, path, width=1280, height=800, dark=False, full=False):
        """A picture of the page, as PNG."""
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        data = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser(folder):
    """A Browser whose profile is in `folder`, which is gone afterwards."""
    read_by_it, to_it = os.pipe()
    from_it, written_by_it = os.pipe()
    # It reads at 3 and writes at 4: neither may be one of these already.
    its_own = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (read_by_it, written_by_it)]
    os.close(read_by_it)
    os.close(written_by_it)

    def wire():
        os.dup2(its_own[0], 3)
        os.dup2(its_own[1], 4)

    process = subprocess.Popen(
        [found(), *_FLAGS, f"--user-data-dir={folder}", "--window-size=1280,800"], preexec_fn=wire, close_fds=False, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for fd in its_own:
        os.close(fd)
    page = Browser(process, to_it, from_it)
    try:
        page.attach()
        yield page
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(to_it)
        os.close(from_it)
