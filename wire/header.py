"""Request and response headers.

A request is headed by its key, version, correlation id and client id (an int16-prefixed nullable string in every
version, so that a broker can read the header of a version it does not know), and tagged fields where the API's
version is flexible. A response by its correlation id and tagged fields likewise, but an ApiVersions response never
has them: its reader does not know yet what the broker speaks (KIP-511).
"""

from struct import Struct, error as struct_error

from . import varint
from .types import Malformed

_FIXED = Struct(">hhih")
_CORRELATION = Struct(">i")
_CORRELATION_FLEXIBLE = Struct(">ix")
API_VERSIONS = 18

_flexible_from = {}


def _flexible(api_key, api_version):
    if not _flexible_from:
        from .apis import BY_KEY
        _flexible_from.update((key, api.flexible_from) for key, api in BY_KEY.items())
    first = _flexible_from.get(api_key)
    return first is not None and api_version >= first


def parse_request_header(buffer, position=0):
    """(api_key, api_version, correlation_id, client_id or None, position after the header); raises Malformed.

    An unknown key is read as one that is not flexible; whether key and version are served is the caller's question.
    """
    try:
        api_key, api_version, correlation_id, size = _FIXED.unpack_from(buffer, position)
    except struct_error:
        raise Malformed("request header", position, "the buffer ends before the field does") from None
    position += 10
    client_id = None
    if size >= 0:
        end = position + size
        if end > len(buffer):
            raise Malformed("client_id", position, "the buffer ends before the field does")
        try:
            client_id = str(buffer[position:end], "utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("client_id", position, str(error)) from None
        position = end
    if _flexible(api_key, api_version):
        position = skip_tagged_fields(buffer, position)
    return api_key, api_version, correlation_id, client_id, position


def build_request_header(api, version, correlation_id, client_id=None):
    """The header as bytes, for what sends requests (tests, mirrors)."""
    name = b"" if client_id is None else client_id.encode()
    fixed = _FIXED.pack(api.key, version, correlation_id, -1 if client_id is None else len(name))
    return fixed + name + (b"\0" if version in api.flexible else b"")


def build_response_header(api, version, correlation_id):
    """The header as bytes."""
    if version in api.flexible and api.key != API_VERSIONS:
        return _CORRELATION_FLEXIBLE.pack(correlation_id)
    return _CORRELATION.pack(correlation_id)


def parse_response_header(api, version, buffer, position=0):
    """(correlation_id, position after the header); raises Malformed."""
    try:
        correlation_id, = _CORRELATION.unpack_from(buffer, position)
    except struct_error:
        raise Malformed("response header", position, "the buffer ends before the field does") from None
    position += 4
    if version in api.flexible and api.key != API_VERSIONS:
        position = skip_tagged_fields(buffer, position)
    return correlation_id, position


def skip_tagged_fields(buffer, position):
    """The position after a header's tagged fields, of which Kafka knows none so far; raises Malformed."""
    try:
        count = buffer[position]
        return varint.skip_tagged_fields(buffer, position + 1, count, len(buffer)) if count else position + 1
    except IndexError:
        raise Malformed("header (tagged fields)", len(buffer), "the buffer ends before the field does") from None
    except ValueError as error:
        raise Malformed("header (tagged fields)", position, str(error)) from None
