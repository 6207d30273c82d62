"""`kafka-emulator zookeeper zoo.cfg`, and `zookeeper status zoo.cfg`."""

import logging
import signal
import sys

from emulator.apps import logs
from emulator.apps.errors import UsageError
from emulator.apps.zookeeper.zoo_cfg import read_zoo_cfg

log = logging.getLogger(__name__)


def chosen(config, my_id):
    """The ids of the servers that run in this process."""
    if not config.servers:
        return [0]
    kept = config.my_id()
    if my_id is not None and kept is not None and my_id != kept:
        raise UsageError(f"--myid is {my_id}, but {config.data_dir}/myid says {kept}")
    config.together = kept is None and (my_id is None or not config.has_data())
    my_id = kept if my_id is None else my_id
    if my_id is None:
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
                config.settle(my_id)
                server = ZooKeeperServer(config, my_id)
                server.on_failure = on_failure
                server.start()
            except DamagedEpoch as error:
                raise UsageError(f"{config.version_directory(my_id)}: {error}") from None
            except MixedDirectories as error:
                raise UsageError(str(error)) from None
            except OSError as error:
                who = f"server {my_id}" if config.servers else "the server"
                raise UsageError(f"{who} cannot start: {error.strerror or error}{f': {error.filename}' if error.filename else ''}") from None
            servers.append(server)
        print("zookeeper.connect=" + ",".join(f"{s.address[0] if s.address[0] not in ('0.0.0.0', '::') else '127.0.0.1'}:{s.address[1]}"
                                              for s in servers), flush=True)
        done.wait()
    finally:
        for server in servers:
            server.stop()
    return 1 if failed else 0


def status(options):
    """Prints a table, or keeps it up to date; gives 0 if there is somebody who takes writes."""
    from emulator.apps.live import lines_of, watch
    from emulator.apps.zookeeper.status import SIDES, in_words, look_at_all, quorum, rows

    config = read_zoo_cfg(options.config)
    names = sorted(config.servers) or [0]
    config.together = bool(config.servers) and config.my_id() is None
    addresses = []
    for my_id in names:
        host, port = config.client_address(my_id)
        addresses.append((host or (config.servers[my_id].host if config.servers else "127.0.0.1"), port))
    if options.watch:
        return watch(lambda: rows(names, addresses, look_at_all(addresses), sys.stdout.isatty()), SIDES, 1)
    seen = look_at_all(addresses)
    print("\n".join(lines_of(rows(names, addresses, seen), SIDES)))
    found = quorum(seen, [sid for sid, server in config.servers.items() if not server.is_observer])
    if found:
        print(in_words(found, seen))
    for name, one in zip(names, seen):
        if one["reason"]:
            print(f"server {name}: {one['reason']}")
    return 0 if any(one["role"] in ("leader", "standalone") for one in seen) else 1
