"""Recordings: what clients asked and were answered, decoded, as JSON lines; docs/recordings.md describes the format.

Fields at Kafka's defaults are left out, so that two recordings differ where clients do. Secrets are blanked before they are written.
"""

import base64
import json
from copy import copy
from time import perf_counter

from emulator.apps.errors import UsageError
from emulator.pipeline import layers, secrets
from emulator.pipeline.answers.readable import readable
from emulator.pipeline.faults.fetching import without_session
from emulator.runtime.connection import Disconnected
from wire.apis import BY_KEY
from wire.apis.data import Fetch
from wire.apis.metadata import ApiVersions
from wire.types import Unbuildable

VERSION = 1
_KIND = "kafka-emulator recording"
_PLAIN = {"bool": (bool,), "float64": (float, int), **dict.fromkeys(("int8", "int16", "uint16", "int32", "int64"), (int,))}
_BY_NAME = {api.name: api for api in BY_KEY.values()}


class BadRecording(UsageError):
    """A file that is no recording of a version that is known here."""


# -- records <-> JSON -----------------------------------------------------------------------------


def to_json(fields, record, version):
    """{field: value} of those fields that `version` has and that are not at their defaults."""
    out = {}
    default = type(record).DEFAULT
    for field in fields:
        if version not in field.type.versions:
            continue
        value, usual = getattr(record, field.name), getattr(default, field.name)
        if value == usual or isinstance(value, (list, tuple)) and not value and usual == ():
            continue
        out[field.name] = secrets.BLANK if field.name in secrets.FIELDS else _encode(field.type, value, version)
    if "value" in out and secrets.is_secret_config(record):
        out["value"] = secrets.BLANK
    return out


def _encode(type_, value, version):
    if value is None:
        return None
    kind = type_.kind
    if kind == "array":
        if type_.fields:
            return [to_json(type_.fields, one, version) for one in value]
        return [_encode(type_.element, one, version) for one in value]
    if kind == "struct":
        return to_json(type_.fields, value, version)
    if kind == "uuid":
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    if kind in ("bytes", "records"):
        data = b"".join(map(bytes, value)) if isinstance(value, (list, tuple)) else bytes(value)
        text = data.decode("ascii", "replace")
        return {"text": text} if data.isascii() and text.isprintable() else {"base64": base64.b64encode(data).decode()}
    return value


def from_json(fields, cls, data):
    """A record of what to_json gave. Raises BadRecording."""
    if not isinstance(data, dict):
        raise BadRecording(f"{cls.__qualname__}: {data!r} is no object of fields")
    known = {field.name: field for field in fields}
    values = {}
    for name, value in data.items():
        if name not in known:
            raise BadRecording(f"{cls.__qualname__} has no field {name}")
        try:
            values[name] = _decode(known[name], cls, known[name].type, value)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadRecording(f"{cls.__qualname__}.{name}: {value!r} is none of its values ({type(error).__name__})") from None
    return cls(**values)


def _decode(field, cls, type_, value):
    kind = type_.kind
    if value is None and kind not in _PLAIN:
        return None  # whether it may be is for the version to say
    if kind == "array":
        if type(value) is not list:
            raise TypeError
        if type_.fields:
            return [from_json(type_.fields, getattr(cls, field.class_name), one) for one in value]
        return [_decode(field, cls, type_.element, one) for one in value]
    if kind == "struct":
        return from_json(type_.fields, getattr(cls, field.class_name), value)
    if kind == "uuid":
        return base64.urlsafe_b64decode(value + "==")
    if kind in ("bytes", "records"):
        if value == secrets.BLANK:
            return b""
        return value["text"].encode("ascii") if "text" in value else base64.b64decode(value["base64"])
    if type(value) not in _PLAIN.get(kind, (str,)):
        raise TypeError
    return value


def trimmed(fields, cls, data):
    """What from_json takes, as to_json would have given it: somebody may have written a default down."""
    found = {}
    for field in fields:
        if field.name not in data:
            continue
        value, kind = data[field.name], field.type
        usual = getattr(cls.DEFAULT, field.name)
        if value != secrets.BLANK and (value == [] and usual == () or _decode(field, cls, kind, value) == usual):
            continue
        if kind.fields and value is not None:
            inner = getattr(cls, field.class_name)
            value = [trimmed(kind.fields, inner, one) for one in value] if kind.kind == "array" else trimmed(kind.fields, inner, value)
        found[field.name] = value
    return found


# -- writing ----------------------------------------------------------------------------------------


class Recorder:
    """A layer, the outermost: it sees what clients see. `file` is a text file."""

    order = layers.REQUESTS

    def __init__(self, file):
        self._file = file
        self._numbers = {}
        self._connections = 0
        self._write({"format": _KIND, "version": VERSION})

    def wants(self, api, version):
        return True

    def wrap(self, route):
        api, version, handle = route.api, route.version, route.handle
        if api is Fetch:  # in a session each fetch means what others said before it, and how many there are is different each time
            handle = without_session(handle)

        def recorded(request, call):
            connection = call.connection
            number = self._numbers.get(connection)
            if number is None:
                self._connections += 1
                number = self._numbers[connection] = self._connections
                connection.on_close.append(lambda ended: self._numbers.pop(ended, None))
            line = {"connection": number, "node": connection.node, "client_id": call.client_id, "api": api.name, "version": version}
            line["request"] = None if request is None else to_json(api.request.fields, request, version)
            began, answer = perf_counter(), None
            try:
                answer = handle(request, call)
                if answer is None:
                    line["answer"] = None
                else:
                    answer = readable(api, version, answer)
                    line["answer"] = to_json(api.response.fields, answer, 0 if request is None else version)
                return answer
            except Disconnected:
                line["left"] = True
                raise
            finally:
                line["took_ms"] = round((perf_counter() - began) * 1000)
                self._write(line)

        route.handle = recorded

    def _write(self, line):
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()


# -- reading ----------------------------------------------------------------------------------------


class Exchange:
    """A request of a recording: `line` is where it stands, `answer` a function that gives a fresh answer, None where there was none.

    `request` and `answer_json` are as they stand there; `is_closed`: the connection ended instead of an answer, `has_left`: as the client had gone.
    """

    def __init__(self, number, said):
        if not isinstance(said, dict):
            raise BadRecording(f"{said!r} is no object")
        self.line = number
        self.connection = said["connection"]
        self.node = said["node"]
        self.client_id = said["client_id"]
        self.api = _BY_NAME.get(str(said["api"]))
        self.version = said["version"]
        self.request = said["request"]
        self.is_closed = "answer" not in said
        self.has_left = bool(said.get("left"))
        self.answer_json = said.get("answer")
        self.uses = 0
        if type(self.connection) is not int or type(self.version) is not int:
            raise BadRecording("connection and version are numbers")
        if self.api is None:
            raise BadRecording(f"{said['api']!r} is no API of Kafka's")
        self._check()

    def _check(self):
        """That it can be asked and answered is better known before anybody asks. Raises BadRecording."""
        api, version = self.api, self.version
        if self.request is None:
            version = 0  # of which the answer to an unknown version is
            if api is not ApiVersions:
                raise BadRecording(f"{api.name} has a request")
        elif version not in api.versions:
            raise BadRecording(f"{api.name} has no version {version}, but {api.versions!r}")
        try:
            if self.request is not None:
                api.build_request(version)(from_json(api.request.fields, api.Request, self.request), [])
                self.request = trimmed(api.request.fields, api.Request, self.request)
            if (answer := self.answer()) is not None:
                api.build_response(version)(answer, [])
        except Unbuildable as error:
            raise BadRecording(f"{api.name} v{version}: {error}") from None

    def answer(self):
        if self.answer_json is None:
            return None
        return from_json(self.api.response.fields, self.api.Response, self.answer_json)

    def answering(self, answer_json):
        """One that is asked again, with that answer."""
        other = copy(self)
        other.answer_json = answer_json
        other.uses = 1
        return other


def read_recording(path):
    """[Exchange] in the order of the file. Raises BadRecording, with the line."""
    exchanges = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                try:
                    said = json.loads(text)
                    if number == 1:
                        _check_head(said)
                    else:
                        exchanges.append(Exchange(number, said))
                except (BadRecording, KeyError, TypeError, json.JSONDecodeError, RecursionError) as error:
                    what = f"{error} is missing or unknown" if isinstance(error, KeyError) else str(error)
                    if isinstance(error, json.JSONDecodeError):
                        what = f"no JSON at character {error.pos + 1}: {error.msg}"
                    raise BadRecording(f"{path}, line {number}: {what}") from None
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRecording(f"{path}: not UTF-8") from None
    if not exchanges:
        raise BadRecording(f"{path}: nothing is recorded there")
    return exchanges


def _check_head(said):
    if not isinstance(said, dict) or said.get("format") != _KIND:
        raise BadRecording(f"no recording: its first line would say \"format\": \"{_KIND}\"")
    if said.get("version") != VERSION:
        raise BadRecording(f"a recording of version {said.get('version')}; {VERSION} is what can be read here")
