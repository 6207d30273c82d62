"""Tokens that OAUTHBEARER logs in with: those made here, those of a file, those that an issuer gives."""

import base64
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import gevent
import pytest

from emulator.runtime.upstream.tokens import NoToken, TokenEndpoint, TokenFile, UnsecuredTokens

NOW = 1_000_000_000_000


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# -- made here ------------------------------------------------------------------------------------------


def test_an_unsecured_token_says_what_the_options_say():
    options = {"StringClaim_sub": "alice", "NumberClaim_level": "7", "ListClaim_scope": "|a|b", "LifetimeSeconds": "60", "Extension_trace": "7"}
    token = UnsecuredTokens(options, lambda: NOW).token()
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) == {"alg": "none"} and token.endswith(".")
    assert claims(token) == {"sub": "alice", "level": 7, "scope": ["a", "b"], "iat": 1_000_000_000, "exp": 1_000_000_060}


@pytest.mark.parametrize("options, why", [
    ({}, 'unsecuredLoginStringClaim_sub="..." has to say who it is'),
    ({"StringClaim_sub": " "}, 'unsecuredLoginStringClaim_sub="..." has to say who it is'),
    ({"PrincipalClaimName": "name", "StringClaim_sub": "alice"}, 'unsecuredLoginStringClaim_name="..." has to say who it is'),
    ({"StringClaim_sub": "alice", "NumberClaim_exp": "1"}, "Cannot explicitly set the 'exp' claim"),
    ({"StringClaim_sub": "alice", "NumberClaim_level": "high"}, "high"),
    ({"StringClaim_sub": "alice", "LifetimeSeconds": "long"}, "long"),
])  # fmt: skip
def test_options_of_which_no_token_can_be_made(options, why):
    with pytest.raises(ValueError) as error:
        UnsecuredTokens(options, lambda: NOW)
    assert why in str(error.value)


# -- of a file ------------------------------------------------------------------------------------------


def test_a_file_is_read_for_each_log_in(tmp_path):
    path = tmp_path / "token.jwt"
    tokens = TokenFile(str(path))
    for text in ("one.two.three\n", "four.five.six"):
        path.write_text(text)
        assert tokens.token() == text.strip()
    for text, why in (("a b", "that is no token"), ("", "that is no token"), ("a\x01auth=b", "that is no token"), (None, "No such file or directory")):
        path.unlink() if text is None else path.write_text(text)
        with pytest.raises(NoToken) as error:
            tokens.token()
        assert str(error.value) == f"{path}: {why}"


# -- of an issuer -----------------------------------------------------------------------------------------


class Issuer:
    """Answers with `answers`, one after the other and then the last again: bytes, or a status. `asked`: (form, authorization) of each request."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                issuer.asked.append((form, self.headers["Authorization"]))
                answer = issuer.answers.pop(0) if len(issuer.answers) > 1 else issuer.answers[0]
                self.send_response(answer if isinstance(answer, int) else 200)
                self.end_headers()
                if isinstance(answer, bytes):
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def token(name, expires):
    parts = ({"alg": "none"}, {"sub": name, "exp": expires})
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + ".c2ln"


def answer(name, expires=NOW // 1000 + 100):
    return json.dumps({"access_token": token(name, expires), "token_type": "Bearer"}).encode()


class Clock:
    def __init__(self):
        self.time = NOW

    def now(self):
        return self.time


def endpoint(issuer, clock, scope=None):
    return TokenEndpoint(issuer.url, "it", "its secret", scope, clock.now, 10)


def test_an_issuer_is_asked_by_the_credentials_and_again_when_a_token_is_worn():
    clock = Clock()
    with Issuer(answer("first"), answer("second", NOW // 1000 + 200)) as issuer:
        tokens = endpoint(issuer, clock, "kafka")
        assert claims(tokens.token())["sub"] == "first"
        clock.time += 79_000
        assert claims(tokens.token())["sub"] == "first" and len(issuer.asked) == 1
        clock.time += 1_000
        assert claims(tokens.token())["sub"] == "second"
    form, authorization = issuer.asked[0]
    assert form == {"grant_type": ["client_credentials"], "scope": ["kafka"]}
    assert authorization == "Basic " + base64.b64encode(b"it:its secret").decode()


def test_many_that_want_one_at_once_ask_once():
    with Issuer(answer("one")) as issuer:
        tokens = endpoint(issuer, Clock())
        greenlets = [gevent.spawn(tokens.token) for _ in range(5)]
        gevent.joinall(greenlets, timeout=10, raise_error=True)
        assert len({one.value for one in greenlets}) == 1 and len(issuer.asked) == 1


def test_while_the_issuer_does_not_answer_the_token_before_serves_on(caplog):
    clock = Clock()
    with Issuer(answer("one"), 503, 503, answer("two", NOW // 1000 + 300)) as issuer, caplog.at_level(logging.WARNING):
        tokens = endpoint(issuer, clock)
        tokens.token()
        clock.time += 80_000
        assert claims(tokens.token())["sub"] == claims(tokens.token())["sub"] == "one"
        assert len(issuer.asked) == 2 and "the token before serves on" in caplog.text
        clock.time += 20_000
        with pytest.raises(NoToken) as error:
            tokens.token()
        assert "HTTP Error 503" in str(error.value)
        assert claims(tokens.token())["sub"] == "two"
    assert "secret" not in caplog.text + str(error.value)


@pytest.mark.parametrize("said, why", [
    (401, "HTTP Error 401: Unauthorized"),
    (b"", "malformed JSON"),
    (b"[]", "its answer has no access_token"),
    (b'{"error": "invalid_client"}', "its answer has no access_token"),
    (b'{"access_token": "a b"}', "that is no token"),
    (b'{"access_token": "opaque"}', "its token does not say when it expires"),
    (b'{"access_token": "a.W10.c"}', "its token does not say when it expires"),
    (b'{"access_token": "a.!.c"}', "that is no token"),
    (b"x" * 600_000, "it is larger than 524288 bytes"),
])  # fmt: skip
def test_an_issuer_that_gives_none(said, why):
    with Issuer(said) as issuer, pytest.raises(NoToken) as error:
        endpoint(issuer, Clock()).token()
    assert str(error.value) == f"{issuer.url}: {why}"


def test_an_issuer_that_is_not_there():
    issuer = Issuer(answer("one"))
    issuer.server.server_close()
    with pytest.raises(NoToken, match="Connection refused"):
        endpoint(issuer, Clock()).token()
