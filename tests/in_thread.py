"""A server in a thread of its own, so that a blocking test client can talk to it."""

import threading
from contextlib import contextmanager

from emulator.state.configs.broker import parse_broker_settings


@contextmanager
def serving(seed=1, release=None, **settings):
    """A started Server on a free loopback port; settings by Kafka's names, dots as underscores.

    The server's `bootstrap` attribute is where it listens.
    """
    from gevent import get_hub

    from emulator.runtime.server import Server

    mapping = {"listeners": "PLAINTEXT://127.0.0.1:0"}
    mapping.update({name.replace("_", "."): value for name, value in settings.items()})
    started, failed, box = threading.Event(), [], {}

    def run():
        try:
            server = Server(parse_broker_settings(mapping), seed=seed, release=release)
            server.start()
            _, host, port = server.bound[0]
            server.bootstrap = f"{host}:{port}"
            box["server"], box["loop"] = server, get_hub().loop
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failed.append(error)
            started.set()
            raise
        started.set()
        server.wait()
        get_hub().destroy()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(20)
    if failed:
        raise failed[0]
    try:
        yield box["server"]
    finally:
        box["loop"].run_callback_threadsafe(lambda: _spawn(box["server"].stop))
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"


def _spawn(function):
    from gevent import spawn

    spawn(function)
