"""Answers that leave as no broker would send them: cut off, too short, under another's number, or slowly."""

from emulator.pipeline.dispatch import Refused
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.header import build_response_header


def size_of(response, build):
    pieces = []
    build(response, pieces)
    return sum(map(len, pieces))


def time_on_the_line(fault, size, now):
    """Milliseconds until `size` bytes have gone through the line of a fault, which all that it concerns share."""
    fault.free_at = max(fault.free_at, now) + size * 1000 / fault.bandwidth
    return int(fault.free_at - now)


def send_wrong(fault, api, version, response, call, build):
    """The answer as the fault has it: after a torn one the connection ends."""
    correlation_id = call.correlation_id + (fault.correlation_id or 0)
    frame = _frame(api, version, response, correlation_id, build)
    if fault.truncated:
        body = frame[4 : max(len(frame) - fault.truncated, 8)]
        frame = len(body).to_bytes(4, "big") + body
    if fault.torn:
        call.out.append(frame[: min(fault.torn, len(frame) - 1)])
        raise Refused(f"{fault.name} tears an answer")
    call.out.append(frame)


def _frame(api, version, response, correlation_id, build):
    pieces = [build_response_header(api, version, (correlation_id + 2**31) % 2**32 - 2**31)]
    build(response, pieces)
    body = b"".join(pieces)
    return len(body).to_bytes(4, "big") + body


def is_old(api, response):
    """Whether an answer is of version 0 whatever was asked, so that any client can read it (KIP-511)."""
    return api is ApiVersions and response.error_code == errors.UNSUPPORTED_VERSION


def send_old(api, response, call):
    if not response.api_keys:  # by which a client learns what it may ask instead
        response.api_keys = [api.Response.ApiKeys(api_key=api.key, min_version=api.versions.min, max_version=api.versions.max)]
    call.out.append(_frame(api, 0, response, call.correlation_id, api.build_response(0)))
