"""The client's end of the control API: find the one server that is meant, ask it one thing.

A `place` is the path of a control socket or the HOST:PORT of a control port; a Port knows the token, too.
"""

import http.client
import json
import socket

from emulator.apps.addresses import format_address, is_address, parse_address
from emulator.apps.control import places
from emulator.apps.errors import UsageError

_TIMEOUT_S = 10
_STREAM_TIMEOUT_S = 60  # it says at least every 15 s that it is there
_JSON = {"Content-Type": "application/json"}


class Port(str):
    """HOST:PORT of a control port that takes a `token`, None where it may take none."""

    token = None

    def __new__(cls, place, token):
        port = super().__new__(cls, place)
        port.token = token
        return port


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(place, timeout):
    if not is_address(place):
        return _UnixConnection(place, timeout)
    return http.client.HTTPConnection(*parse_address(place, "--control"), timeout=timeout)


def _authorization(place):
    token = getattr(place, "token", None)
    return {} if token is None else {"Authorization": token.header}


def is_alive(place):
    """Whether somebody listens there."""
    if not is_address(place):
        return places.is_alive(place)
    try:
        with socket.create_connection(parse_address(place, "--control"), timeout=2):
            return True
    except TimeoutError:
        return True
    except OSError:
        return False


def ask(place, method, resource, asked=None, timeout=_TIMEOUT_S):
    """The answer as a dict; raises OSError when nobody is there, UsageError when the answer is an error.

    `asked`: what goes with a POST; `timeout`: seconds, None for work that may take long.
    """
    connection = _connection(place, timeout)
    try:
        headers = {**_authorization(place), **(_JSON if method == "POST" else {})}
        connection.request(method, resource, None if asked is None else json.dumps(asked).encode(), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (http.client.HTTPException, ValueError) as error:
        raise UsageError(f"{place} gave no answer that can be read: {type(error).__name__}") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise UsageError(f"{place} gave no answer that can be read: it is no server of ours")
    if response.status != 200:
        raise UsageError(str(answer.get("error", response.reason)))
    return answer


def lines(place, resource):
    """The lines of an answer that goes on; raises as `ask` does."""
    connection = _connection(place, _STREAM_TIMEOUT_S)
    try:
        connection.request("GET", resource, headers=_authorization(place))
        response = connection.getresponse()
        if response.status != 200:
            raise UsageError(str(json.loads(response.read()).get("error", response.reason)))
        for line in response:
            if line.strip():
                yield line
    except (http.client.HTTPException, ValueError) as error:
        raise UsageError(f"{place} gave no answer that can be read: {type(error).__name__}") from None
    finally:
        connection.close()


def choose(options):
    """The place of the server that is meant: by --control, by --bootstrap, else the only one there is."""
    if options.control is not None:
        return _with_token(options.control, options.token_file)
    if options.token_file is not None:
        raise UsageError("--token-file: it goes with a --control HOST:PORT")
    bootstrap = options.bootstrap
    wanted = None if bootstrap is None else _ways_to_say(bootstrap)
    found = []
    for path in places.find():
        try:
            status = ask(path, "GET", "/status")
        except (OSError, UsageError):
            continue  # it ended meanwhile, or cannot answer: another may be meant
        if wanted is None or wanted & {status["bootstrap"], *status["bound"]}:
            found.append((path, f"{status['bootstrap']} (pid {status['pid']})"))
    if not found:
        folders = " or ".join(places.default_folders())
        raise UsageError(f"no server of this user runs{f' on {bootstrap}' if bootstrap else ''} (looked in {folders})")
    if len(found) > 1:
        servers = ", ".join(address for _, address in found)
        raise UsageError(f"{len(found)} servers run: {servers}; choose by --bootstrap or --control")
    return found[0][0]


def _with_token(place, token_file):
    if not is_address(place):
        return place  # who may open a socket needs none
    from emulator.apps.control.token import token_of

    return Port(place, token_of(token_file))


def _ways_to_say(bootstrap):
    host, port = parse_address(bootstrap.partition(",")[0], "--bootstrap")  # of a server with several any is its own
    hosts = {host, "127.0.0.1", "::1"} if host == "localhost" else {host}
    return {format_address(one, port) for one in hosts}


def ask_politely(place, method, resource, asked=None, timeout=_TIMEOUT_S):
    """As ask(), but nobody being there is the user's error."""
    try:
        return ask(place, method, resource, asked, timeout)
    except OSError as error:
        raise UsageError(f"no server answers at {place}: {error.strerror or error}") from None

