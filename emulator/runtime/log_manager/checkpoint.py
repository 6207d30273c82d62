"""Files with an offset for each partition, as Kafka has them at the root of a data directory.

    0                       version
    2                       how many lines follow
    orders 0 1234           topic, partition, offset

Source: org.apache.kafka.storage.internals.checkpoint.OffsetCheckpointFile, CheckpointFile.
"""

import os

RECOVERY_POINT = "recovery-point-offset-checkpoint"
LOG_START_OFFSET = "log-start-offset-checkpoint"
CLEANER_OFFSET = "cleaner-offset-checkpoint"
HIGH_WATERMARK = "replication-offset-checkpoint"
_VERSION = 0


def read_offsets(path):
    """{(topic, partition): offset}, empty when there is no such file or it is empty. Raises ValueError, OSError."""
    try:
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    if not lines:
        return {}
    if int(lines[0]) != _VERSION:
        raise ValueError(f"version {lines[0]} is not known")
    found = {}
    for line in lines[2:]:
        topic, partition, offset = line.split()
        found[topic, int(partition)] = int(offset)
    if len(found) != int(lines[1]):
        raise ValueError(f"{lines[1]} lines announced, {len(found)} found")
    return found


def write_offsets(path, offsets):
    """Put {(topic, partition): offset} there, all at once."""
    lines = [f"{topic} {partition} {offset}\n" for (topic, partition), offset in offsets.items()]
    replace_file(path, f"{_VERSION}\n{len(offsets)}\n{''.join(lines)}".encode())


def replace_file(path, data):
    """After a crash it is the old file or the new. Blocks until it is on disk. Raises OSError."""
    with open(f"{path}.tmp", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.tmp", path)
    sync_directory(os.path.dirname(path))


def sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
