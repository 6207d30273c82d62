"""`kafka-emulator proxy`, `record` and `replay`: in the foreground until a signal or the control socket ends them."""

from contextlib import contextmanager

import gevent

from emulator.apps import logs
from emulator.apps.addresses import EVERY_INTERFACE, format_address, parse_address
from emulator.apps.config_file import SCRAM_USERS, read_config_file
from emulator.apps.control.doors import Doors, said_of
from emulator.apps.control.server import open_control
from emulator.apps.errors import UsageError
from emulator.apps.proxy.control import bootstrap_of, replay_routes, routes
from emulator.apps.proxy.server import ProxyServer
from emulator.apps.proxy.settings import ProxySettings, proxy_values
from emulator.apps.rules import read_rules
from emulator.apps.serve import Ending, add_faults, spare_the_collector
from emulator.apps.settings import faults_of, located
from emulator.pipeline.rules import RuleLayer
from wire.apis import BY_KEY

gevent.config.format_context = "builtins.repr"


def serve(options):
    """Serve as the command line says; gives the exit status. Raises UsageError when it cannot start.

    `options.record`: the file into which clients' conversations are written, None for none.
    """
    logs.set_up(options.log_level, options.log_format)
    settings, rules, faults = _settings(options)
    ending = Ending()
    with _recorder(options.record) as recorder:
        server = start(settings, rules, recorder, faults)
        told = f"upstream.bootstrap.servers={_joined(settings.upstream.bootstrap)}"
        return _run(server, ending, options, routes, told, settings.doors)


def replay(options):
    """Answer from `options.file`; the exit status is 1 where clients asked what is not in it, and strictly, did not ask what is."""
    logs.set_up(options.log_level, options.log_format)
    from emulator.apps.proxy import matching
    from emulator.apps.proxy.recording import read_recording
    from emulator.apps.proxy.replay import ReplayServer

    if options.upstream is not None:
        raise UsageError("--upstream: a replay has nobody behind; with --record the file is recorded anew")
    exchanges = read_recording(options.file)
    matcher = (matching.Lenient if options.lenient else matching.Strict)(exchanges)
    ending = Ending()
    address = parse_address(options.listen or "localhost:9092", "--listen")
    if address[0] in EVERY_INTERFACE:
        raise UsageError(f"--listen {options.listen}: clients cannot connect to every interface; say which address they are to use")
    server = ReplayServer([("PLAINTEXT", *address)], matcher)
    _start(server, [address])
    _run(server, ending, options, replay_routes, f"requests={len(exchanges)}")
    for one in matcher.left():
        server.differs(f"line {one.line}: {one.api.name} v{one.version} of {one.client_id} was not asked, nor what follows")
    print(f"differences={server.differed}", flush=True)
    return 1 if server.differed else 0


def _settings(options):
    """(ProxySettings, [Rule], faults as add_faults takes them)"""
    file = None if options.config is None else read_config_file(options.config)
    if file is not None and SCRAM_USERS in file.lists:
        raise UsageError(f"{file.path}: {SCRAM_USERS}: a proxy has none, they are those of the brokers behind")
    try:
        settings = ProxySettings(proxy_values({} if file is None else file.values, options.listen, options.upstream, options.overlay))
    except UsageError as error:
        raise UsageError(located(file, str(error))) from None
    return settings, read_rules(file, BY_KEY.values(), [name for name, _, _ in settings.endpoints]), faults_of(file)


@contextmanager
def _recorder(path):
    """A Recorder that writes `path`, None where that is None."""
    if path is None:
        yield None
        return
    from emulator.apps.proxy.recording import Recorder

    try:
        file = open(path, "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    with file:
        yield Recorder(file)


def start(settings, rules=(), recorder=None, faults=()):
    server = ProxyServer(settings)
    for layer in (RuleLayer(rules) if rules else None, recorder):
        if layer is not None:
            server.add_layer(layer)
    add_faults(server, faults)
    return _start(server, [endpoint[1:] for endpoint in settings.endpoints])


def _start(server, wanted):
    try:
        return server.start()
    except OSError as error:
        raise UsageError(f"cannot listen on {_joined(wanted)}: {error.strerror or error}") from None


def _run(server, ending, options, routes, told, wanted=Doors()):
    doors = []
    try:
        doors, ports = open_control(server, ending.ask, options.control, wanted, routes)
        more, warnings = said_of(wanted, ports)
        for warning in warnings:
            logs.warn(warning)
        print(f"bootstrap.servers={bootstrap_of(server)}", told, *more, sep="\n", flush=True)
        spare_the_collector()
        return ending.wait()
    finally:
        server.stop()
        for door in doors:
            door.close()


def _joined(addresses):
    return ",".join(format_address(host, port) for host, port in addresses)
