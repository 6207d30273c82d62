"""What a URL answers, asked from a thread: for the few times that a server here is somebody's client over HTTP."""

import time


def fetch(url, most, deadline_s, form=None, headers=None):
    """The body, bytes, or a text that says why there is none; no more than `most` bytes. `form`: what is posted, bytes. It waits: for a thread."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener  # takes long to import, and few need it

    ends = time.monotonic() + deadline_s
    try:
        with build_opener(ProxyHandler({})).open(Request(url, form, headers or {}), timeout=deadline_s) as answer:
            body = b""
            while piece := answer.read1(most + 1 - len(body)):
                body += piece
                if len(body) > most:
                    return f"it is larger than {most} bytes"
                if time.monotonic() > ends:
                    return "no answer in time"
            return body
    except HTTPError as error:
        with error:
            return str(error)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", None) or error) or type(error).__name__
    except Exception as error:  # http.client's own: what answered is no HTTP
        return type(error).__name__
