"""`kafka-emulator serve`: one server in the foreground until a signal or the control socket ends it."""

import gc
import signal
import sys
import time
import gevent
from gevent.event import Event

from emulator.apps import logs
from emulator.apps.addresses import bootstrap_of, format_address, is_loopback
from emulator.apps.control.doors import said_of
from emulator.apps.control.server import open_control
from emulator.apps.errors import UsageError
from emulator.apps.own import Own
from emulator.apps.progress import Recovery
from emulator.apps.settings import control_at, make_settings, parse_topics
from emulator.runtime.log_manager import StorageError
from emulator.runtime.membership import Unregistered
from emulator.runtime.server import Server
from emulator.state.configs import ConfigError
from emulator.state.configs.listener import ListenerConfigs, unheeded
from wire.errors import KafkaError

gevent.config.format_context = "builtins.repr"  # not pprint, which takes 10 ms of a start to import

_NEW_OBJECTS = 10_000  # before the collector looks at them; Python's own figure is 700
_INTERRUPTED = 130  # what shells say of a program that SIGINT ended


class Ending:
    """Why and when the server is to end: `wait()` gives the exit status."""

    def __init__(self):
        self._asked = Event()
        self._status = 0
        self._watchers = [
            gevent.signal_handler(signal.SIGTERM, self.on_signal, 0),
            gevent.signal_handler(signal.SIGINT, self.on_signal, _INTERRUPTED),
        ]

    def on_signal(self, status):
        for watcher in self._watchers:
            watcher.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
        self._status = status
        self._asked.set()

    def ask(self):
        self._asked.set()

    def wait(self):
        self._asked.wait()
        return self._status


def serve(options):
    """Serve as the command line says; gives the exit status. Raises UsageError when it cannot start."""
    logs.set_up(options.log_level, options.log_format)
    topics = parse_topics(options.topics)
    settings, own = make_settings(options)
    ending = Ending()
    server = start(settings, topics, own, Recovery(logs.AsLog() if options.log_format == "json" else None))
    doors = []
    try:
        doors, ports = open_control(server, ending.ask, control_at(options.control)[0], own.control)
        told, warnings = said_of(own.control, ports)
        warn_of_strangers(server)
        warn_of_unheeded(server)
        for warning in warnings:
            logs.warn(warning)
        print(f"bootstrap.servers={bootstrap_of(server)}\nseed={server.seed}", *told, sep="\n", flush=True)
        spare_the_collector()
        status = ending.wait()
    finally:
        server.stop()
        for door in doors:
            door.close()
    return status


def spare_the_collector():
    """Cycles are rare here, and looking for them among a thousand connections took a tenth of a rebalance's time."""
    gc.freeze()  # what is there by now stays
    gc.set_threshold(_NEW_OBJECTS)


def start(settings, topics, own=Own(), progress=None):
    """A server that serves, `topics` ([(name, partitions or None)]) made before its first request"""
    server = Server(
        *settings, seed=own.seed, time=own.time(), progress=progress, memory_max=own.memory_max, release=own.release,
        zookeeper=own.zookeeper,
    )
    add_faults(server, own.faults)
    try:
        server.start()
    except (StorageError, ConfigError, KafkaError, Unregistered) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        wanted = ", ".join(format_address(endpoint.host, endpoint.port) for one in settings for endpoint in one.endpoints)
        raise UsageError(f"cannot listen on {wanted}: {error.strerror or error}") from None
    if own.rules:
        from emulator.pipeline.rules import RuleLayer

        for broker in server.brokers.values():
            broker.add_layer(RuleLayer(own.rules))
    if own.scram_users:
        from emulator.apps.scram_users import add_scram_users

        add_scram_users(server, own.scram_users)
    try:
        for name, partitions in topics:
            create_topic(server.cluster, name, partitions)
    except UsageError:
        server.stop()
        raise
    return server


def add_faults(server, faults):
    """Of a file, [(words, where they stand)]. Raises UsageError."""
    for fault, where in faults:
        try:
            server.faults.add(fault)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from None


def create_topic(cluster, name, partitions):
    try:
        cluster.ensure_topic(name, partitions)
    except KafkaError as error:
        raise UsageError(f"--topic {name}: {error}") from None


def warn_of_strangers(server):
    """Of listeners elsewhere than on this machine where nobody is asked who he is."""
    for broker in server.brokers.values():
        protocols = {one.name: one.security_protocol for one in broker.settings.endpoints}
        for name, host, port in broker.bound:
            configs = ListenerConfigs(broker.settings, name)
            asks = protocols[name].startswith("SASL_") or protocols[name] == "SSL" and configs.value("ssl.client.auth") == "required"
            if not asks and not is_loopback(host):
                logs.warn(f"whoever reaches {format_address(host, port)} may read and write all: {name} asks nobody who he is (docs/security.md)")


def warn_of_unheeded(server):
    """Of configs without effect that say who is let in."""
    for name, why in dict.fromkeys(one for broker in server.brokers.values() for one in unheeded(broker.settings)):
        logs.warn(f"{name} is not heeded: {why} (docs/security.md)")
