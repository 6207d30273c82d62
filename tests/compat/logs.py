"""What the Python clients and librdkafka warn of: only of what Apache Kafka makes them warn of in the same test.

The other clients' tests look at the warnings themselves: transcripts have the tools' standard error, Go and Node write theirs to a file.
"""
import logging
import re

KAFKA_CAUSES_TOO = re.compile("|".join([
    r"group_id is None: disabling auto-commit",
    r"in the clear",  # of a password that is sent so
    r"Topic automatic-\w+ not found in cluster metadata",
    r"No partition metadata for topic",
    r"Failed to produce messages to .*(InvalidRecordError|MessageSizeTooLargeError)",  # which the test is about
    r"[Rr]e-?balanc",
    r"blocking the event loop",  # a slow machine's matter
    r"Metadata refresh: failed Cancelled",
    r"NotLeaderForPartitionError",  # of a partition that was just made
    r"\|OFFSET\|.*offset reset",
    r"\|(FATAL|TXNERR)\|.*([Ff]enced|old epoch)",
    r"\|FATAL\|.*instance ID is still used by another member",  # which the test is about
    r"\|GETPID\|",
    r"\|TERMINATE\|.*still in queue",
]))


class Warned(logging.Handler):
    """Gathers what the Python clients log, from WARNING on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name}: {record.getMessage()}")

    def __enter__(self):
        for name in ("kafka", "aiokafka"):
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_):
        for name in ("kafka", "aiokafka"):
            logging.getLogger(name).removeHandler(self)


def of_librdkafka(err):
    """Its lines on standard error that are warnings or worse."""
    return re.findall(r"^%[0-4]\|.*", err, re.M)


def unexpected(lines):
    return [line for line in lines if not KAFKA_CAUSES_TOO.search(line)]
