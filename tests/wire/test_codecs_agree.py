"""The compiled codec is the construct codec, only faster: on every message, every version, both directions."""

import random

import pytest
from construct import ConstructError
from hypothesis import HealthCheck, given, settings, strategies as st

from wire.apis import BY_KEY
from wire.apis.configs import DescribeConfigs
from wire.apis.metadata import Metadata
from wire.record import Built
from wire.types import Malformed

from .messages import Draw, built, every_version, plain

MESSAGES = [pytest.param(message, version, id=f"{api.name}-{message.direction}-v{version}")
            for api, version in every_version(BY_KEY.values()) for message in (api.request, api.response)]
RECORDS_EACH = 4
MUTATIONS_EACH = 12


@pytest.mark.parametrize("message, version", MESSAGES)
def test_both_codecs_build_and_parse_the_same(message, version):
    draw = Draw(random.Random(f"{message.api.name} {message.direction} {version}"))
    struct = message[version]
    for record in [message.record(), *(draw.message(struct) for _ in range(RECORDS_EACH))]:
        data = built(message, version, record)
        assert data == struct.build(record)
        parsed, end = message.parser(version)(data)
        assert end == len(data)
        assert parsed == record
        assert plain(parsed) == plain(struct.parse(data)) == plain(record)
        assert message.parser(version)(memoryview(b"before" + data + b"after"), 6) == (record, 6 + end)


@pytest.mark.parametrize("message, version", MESSAGES)
def test_both_codecs_refuse_the_same_bytes(message, version):
    chance = random.Random(f"hostile {message.api.name} {message.direction} {version}")
    draw = Draw(chance, most=2)
    struct = message[version]
    for _ in range(2):
        data = built(message, version, draw.message(struct))[:400]
        for _ in range(MUTATIONS_EACH):
            agree_on(message, version, mutated(data, chance))
        agree_on(message, version, data + b"\x01\x63\x02ab")  # an unknown tag, if the last byte is a tag count


def test_deep_values():
    """hypothesis, which shrinks, over what is most nested."""
    apis = [BY_KEY[key] for key in (1, 3, 88, 89, 78, 69)]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.sampled_from(apis), st.booleans(), st.data())
    def codecs_agree(api, is_request, data):
        message = api.request if is_request else api.response
        version = data.draw(st.integers(api.versions.min, api.versions.max))
        record = Draw(data.draw(st.randoms(use_true_random=False))).message(message[version])
        encoded = built(message, version, record)
        assert encoded == message[version].build(record)
        assert message.parser(version)(encoded) == (record, len(encoded))
        agree_on(message, version, encoded[:data.draw(st.integers(0, len(encoded)))])

    codecs_agree()


def agree_on(message, version, data):
    """Both read the same record from the bytes, or both refuse them."""
    try:
        expected = plain(message[version].parse(data))
    except (Malformed, ConstructError):
        expected = Malformed
    for buffer in (data, memoryview(data)):
        try:
            record, end = message.parser(version)(buffer)
            found = plain(record)
            assert end <= len(data)
        except Malformed as error:
            assert 0 <= error.offset <= len(data) and error.field and error.reason
            found = Malformed
        assert same(found, expected), data.hex()


def same(found, expected):
    return repr(found) == repr(expected)  # repr: a NaN is equal to itself


def mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, max(0, len(data) - 1))
        what = chance.random()
        if what < 0.35:
            del data[at:]
        elif what < 0.8:
            data[at:at + 1] = bytes((chance.choice((0, 1, 2, 127, 128, 255, chance.randint(0, 255))),))
        elif what < 0.9:
            data[at:at] = chance.randbytes(chance.randint(1, 4))
        else:
            data[at:at] = b"\xff\xff\xff\xff"
    return bytes(data)


@pytest.mark.parametrize("api, path", [(Metadata, ("topics",)), (DescribeConfigs, ("results", "configs"))], ids=["Metadata", "DescribeConfigs"])
def test_elements_that_were_built_before_make_the_same_message(api, path):
    for version in range(api.versions.min, api.versions.max + 1):
        struct = api.response[version]
        record = Draw(random.Random(version)).message(struct)
        holders = [record]
        for name in path[:-1]:
            holders = [element for holder in holders for element in getattr(holder, name)]
        expected = built(api.response, version, record)
        build = api.response.element_builder(version, *path)
        for holder in holders:
            elements = getattr(holder, path[-1])
            setattr(holder, path[-1], elements if elements is None else Built(map(build, elements)))
        assert built(api.response, version, record) == expected
