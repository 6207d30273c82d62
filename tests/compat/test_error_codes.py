"""wire.errors holds Kafka's error codes: Kafka's own listing of them says so."""

import re
import subprocess

import pytest

from servers import BIN, HERE
from wire.errors import Error

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"))]


def test_names_and_codes():
    listing = subprocess.run(
        [BIN / "kafka", "org.apache.kafka.common.protocol.Errors"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    kafka = {name: int(code) for name, code in re.findall(r"<td>([A-Z0-9_]+)</td><td>(-?\d+)</td>", listing)}
    assert {error.name: error.value for error in Error} == kafka
