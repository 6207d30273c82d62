"""`kafka-emulator zookeeper zoo.cfg`, and `zookeeper status zoo.cfg`."""

import logging
import signal
import socket

from emulator.apps import logs
from emulator.apps.errors import UsageError
from emulator.apps.zookeeper.ensemble import told_by
from emulator.apps.zookeeper.zoo_cfg import read_zoo_cfg

log = logging.getLogger(__name__)


def chosen(config, my_id):
    """The ids of the servers that run in this process."""
    if not config.servers:
        return [0]
    kept = config.my_id()
    if my_id is not None and kept is not None and my_id != kept:
        raise UsageError(f"--myid is {my_id}, but {config.data_dir}/myid says {kept}")
    my_id = kept if my_id is None else my_id
    if my_id is None:
        config.together = True
        return sorted(config.servers)
    if my_id not in config.servers:
        raise UsageError(f"zoo.cfg has no server.{my_id}")
    return [my_id]


def serve(options):
    """Until a signal comes; gives the exit status."""
    from gevent import signal_handler
    from gevent.event import Event

    from emulator.runtime.zookeeper.directory import MixedDirectories
    from emulator.runtime.zookeeper.server import ZooKeeperServer
    from emulator.state.zookeeper.epochs import DamagedEpoch

    logs.set_up(options.log_level, options.log_format, "%(asctime)s %(levelname)s %(message)s")
    config = read_zoo_cfg(options.config)
    failed = []

    def on_failure(error):
        failed.append(error)
        if len(failed) == len(servers):
            done.set()
    for warning in config.warnings():
        log.warning("%s: %s", options.config, warning)
    done, servers = Event(), []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal_handler(number, done.set)
    try:
        for my_id in chosen(config, options.myid):
            try:
                server = ZooKeeperServer(config, my_id)
                server.on_failure = on_failure
                server.start()
            except DamagedEpoch as error:
                raise UsageError(f"{config.version_directory(my_id)}: {error}") from None
            except MixedDirectories as error:
                raise UsageError(str(error)) from None
            except OSError as error:
                raise UsageError(f"server {my_id} cannot start: {error}") from None
            servers.append(server)
        print("zookeeper.connect=" + ",".join(f"{s.address[0] if s.address[0] not in ('0.0.0.0', '::') else '127.0.0.1'}:{s.address[1]}"
                                              for s in servers), flush=True)
        done.wait()
    finally:
        for server in servers:
            server.stop()
    return 1 if failed else 0


def ask(address, word):
    """What a server answers a four-letter word, None when it cannot be reached."""
    try:
        with socket.create_connection(address, 2) as sock:
            sock.sendall(word.encode())
            pieces = []
            while piece := sock.recv(65536):
                pieces.append(piece)
    except OSError:
        return None
    return b"".join(pieces).decode(errors="replace")


def rows(config, my_ids):
    """(server, address, role, epoch, zxid, quorum, last tick) of each, as text; - is what it does not tell."""
    for my_id in my_ids:
        host, port = config.client_address(my_id)
        address = host or (config.servers[my_id].host if config.servers else "127.0.0.1"), port
        told = told_by(lambda word: ask(address, word))
        in_sync = None if told.in_sync is None else f"{told.in_sync} of {_voters(config)}"
        tick = None if told.last_tick_ms is None else f"{told.last_tick_ms} ms ago"
        cells = (told.epoch, told.zxid, in_sync, tick)
        yield str(my_id), f"{address[0]}:{port}", told.role, *("-" if cell is None else str(cell) for cell in cells)


def _voters(config):
    return sum(not server.is_observer for server in config.servers.values())


def status(options):
    config = read_zoo_cfg(options.config)
    my_ids = sorted(config.servers) or [0]
    if config.servers and config.my_id() is None and any(not server.client_address for server in config.servers.values()):
        config.together = True
    table = [("server", "clients", "role", "epoch", "zxid", "in sync", "last tick"), *rows(config, my_ids)]
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0 if any(row[2] in ("leader", "standalone") for row in table[1:]) else 1
