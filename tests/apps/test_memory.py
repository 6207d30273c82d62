"""log.memory.max.bytes, from the configuration to a producer's answer."""

import pytest

from emulator import Emulator
from tests.storage_client import Client
from wire import errors


def test_producers_are_refused_until_a_topic_is_deleted():
    with Emulator(config={"log.memory.max.bytes": 300_000}, topics=["a", "b"]) as kafka, Client(kafka.bootstrap) as client:
        codes = [client.produce("a", b"x" * 5_000).error_code for _ in range(100)]
        assert codes[0] == errors.NONE and codes[-1] == errors.KAFKA_STORAGE_ERROR
        assert codes.index(errors.KAFKA_STORAGE_ERROR) == codes.count(errors.NONE) > 20
        client.delete("a")
        assert client.produce("b", b"x").error_code == errors.NONE


@pytest.mark.parametrize("value", ["half", -1, "1G"])
def test_what_is_no_number_of_bytes_is_refused(value):
    with pytest.raises(ValueError, match=f"log.memory.max.bytes {value}: expected a number of bytes"):
        Emulator(config={"log.memory.max.bytes": value})
