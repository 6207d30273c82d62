"""check_batch answers to every hostile batch what Apache Kafka 4.3.1 answered to it."""

import pytest

from tests.wire import hostile_batches as hostile
from wire.records import BadBatch, check_batch, iter_records


class Config:
    max_message_bytes = 1048588
    compact = False
    log_append_time = False
    message_timestamp_before_max_ms = 2**63 - 1
    message_timestamp_after_max_ms = 3_600_000
    compression_type = "producer"
    compression_gzip_level = -1
    compression_lz4_level = 9
    compression_zstd_level = 3

    def __init__(self, **settings):
        self.__dict__.update(settings)


CONFIGS = {"plain": Config(), "compacted": Config(compact=True), "append": Config(log_append_time=True),
           "gzip": Config(compression_type="gzip")}

CASES = [(table, name) for table, (cases, _) in hostile.TABLES.items() for name in cases]


def code_of(table, data):
    try:
        checked = check_batch(data, hostile.NOW, CONFIGS[table], "t-0")
    except BadBatch as bad:
        assert bad.reason
        return bad.error
    list(iter_records(checked.records))  # what is stored can be read
    return hostile.NONE


@pytest.mark.parametrize("table, name", CASES, ids=[f"{table}: {name}" for table, name in CASES])
@pytest.mark.parametrize("form", [bytes, lambda data: memoryview(bytearray(data))], ids=["bytes", "view"])
def test_is_answered_as_kafka_does(table, name, form):
    data, expected = hostile.TABLES[table][0][name]
    assert code_of(table, form(data)) == hostile.STRICTER.get(name, expected)
