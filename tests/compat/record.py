"""Write down anew in expected/ what Apache Kafka prints for every session of sessions.py.

    python tests/compat/record.py [--bootstrap HOST:PORT] [SESSION...]

Needs what ./setup installs. Without --bootstrap a Kafka is started from the jars, with kafka.properties.
"""
import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import load_sessions  # noqa: E402, F401  adds its own to SESSIONS
import servers  # noqa: E402
from sessions import SESSIONS, SETTINGS  # noqa: E402
from shell import Shell  # noqa: E402

EXPECTED = Path(__file__).resolve().parent / "expected"


def perform(name, bootstrap):
    """Run one session; returns its transcript."""
    shell = Shell(bootstrap)
    try:
        SESSIONS[name](shell)
    finally:
        shell.close()
    return shell.transcript()


def record(names, bootstrap):
    EXPECTED.mkdir(exist_ok=True)
    for name in names:
        (EXPECTED / f"{name}.txt").write_text(perform(name, bootstrap), encoding="utf-8")
        print(f"recorded {name}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bootstrap", metavar="HOST:PORT", help="a real Kafka that runs already")
    parser.add_argument("sessions", nargs="*", metavar="SESSION", help="only these")
    options = parser.parse_args()
    unknown = sorted(set(options.sessions) - set(SESSIONS))
    if unknown:
        parser.error(f"no such session: {', '.join(unknown)}; there are {', '.join(SESSIONS)}")
    names = options.sessions or list(SESSIONS)
    if options.bootstrap:
        return record(names, options.bootstrap)
    common = [name for name in names if name not in SETTINGS]
    for together in filter(None, [common, *([name] for name in names if name in SETTINGS)]):
        with tempfile.TemporaryDirectory() as directory, servers.real_kafka(Path(directory), **SETTINGS.get(together[0], {})) as bootstrap:
            record(together, bootstrap)


if __name__ == "__main__":
    main()
