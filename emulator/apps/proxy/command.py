"""`kafka-emulator proxy`: a proxy in the foreground until a signal or the control socket ends it."""

import gevent

from emulator.apps import logs
from emulator.apps.addresses import format_address
from emulator.apps.config_file import read_config_file
from emulator.apps.control.server import open_control
from emulator.apps.errors import UsageError
from emulator.apps.proxy.control import bootstrap_of, routes
from emulator.apps.proxy.server import ProxyServer
from emulator.apps.proxy.settings import ProxySettings, proxy_values
from emulator.apps.rules import read_rules
from emulator.apps.serve import Ending, spare_the_collector
from emulator.apps.settings import located
from emulator.pipeline.rules import RuleLayer
from wire.apis import BY_KEY

gevent.config.format_context = "builtins.repr"


def serve(options):
    """Serve as the command line says; gives the exit status. Raises UsageError when it cannot start."""
    logs.set_up(options.log_level, options.log_format)
    file = None if options.config is None else read_config_file(options.config)
    try:
        settings = ProxySettings(proxy_values({} if file is None else file.values, options.listen, options.upstream))
    except UsageError as error:
        raise UsageError(located(file, str(error))) from None
    listeners = [name for name, _, _ in settings.endpoints]
    rules = read_rules(file, BY_KEY.values(), listeners)
    ending = Ending()
    server = start(settings, rules)
    doors = []
    try:
        doors = open_control(server, ending.ask, options.control, None, routes)
        print(f"bootstrap.servers={bootstrap_of(server)}\nupstream.bootstrap.servers={_joined(settings.bootstrap)}", flush=True)
        spare_the_collector()
        return ending.wait()
    finally:
        server.stop()
        for door in doors:
            door.close()


def start(settings, rules=()):
    server = ProxyServer(settings)
    if rules:
        server.add_layer(RuleLayer(rules))
    try:
        return server.start()
    except OSError as error:
        wanted = _joined([endpoint[1:] for endpoint in settings.endpoints])
        raise UsageError(f"cannot listen on {wanted}: {error.strerror or error}") from None


def _joined(addresses):
    return ",".join(format_address(host, port) for host, port in addresses)
