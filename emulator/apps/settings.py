"""The command line's options and the config file -> the settings of each broker.

Without a file: Kafka's quick-start values on localhost:9092. A file overrides those key by key,
--listen overrides where the file's listener is and --data-dir its log.dirs.
"""

import re

from emulator.apps.addresses import EVERY_INTERFACE, is_address
from emulator.apps.brokers import settings_of
from emulator.apps.config_file import SCRAM_USERS, read_config_file
from emulator.apps.errors import UsageError
from emulator.apps.listen import listen_at
from emulator.apps.own import take_own
from emulator.state.configs import ConfigError

_DEFAULT_LISTENERS = "PLAINTEXT://localhost:9092"  # Kafka's own default is every interface, where nobody would be asked who he is


def make_settings(options):
    """([the settings of each broker], Own). Raises UsageError: which file and line, what is wrong."""
    file = None if options.config is None else read_config_file(options.config)
    values = {} if file is None else dict(file.values)
    if options.listen is not None:
        listen_at(values, options.listen)
    values.setdefault("listeners", _DEFAULT_LISTENERS)
    if options.data_dir is not None:
        values.pop("log.dir", None)
        values["log.dirs"] = options.data_dir
    try:
        own, defaults = take_own(values, options.clock, options.seed, options.as_version, options.brokers, options.racks,
                                 control_at(options.control)[1], options.token_file, options.metrics)
        settings = settings_of({**defaults, **values}, own.brokers, own.racks)
        for one in settings:
            _check_advertised(one)
    except (ConfigError, UsageError) as error:
        raise UsageError(located(file, str(error))) from None
    if file is not None and file.lists:
        from emulator.api import HANDLERS
        from emulator.apps.rules import read_rules

        listeners = [endpoint.name for endpoint in settings[0].endpoints]
        own = own._replace(rules=tuple(read_rules(file, [handler.api for handler in HANDLERS.values()], listeners)))
        own = own._replace(faults=faults_of(file))
    return settings, own._replace(scram_users=_scram_users(list_of(file, SCRAM_USERS), options.add_scram))


def _scram_users(mappings, arguments):
    if not mappings and not arguments:
        return ()
    from emulator.apps.scram_users import parse_users, read_users  # a start is timed

    return read_users(mappings) + parse_users(arguments)


def faults_of(file):
    """[(words, where they stand)] of a ConfigFile, or of none."""
    return list_of(file, "faults")


def list_of(file, key):
    """[(words, where they stand)] of one of a ConfigFile's lists, or of none."""
    return () if file is None else tuple((words, f"{file.path}, line {line}") for words, line in file.lists.get(key, ()))


def control_at(places):
    """(path of the Unix socket, HOST:PORT) that --control says, each None where it does not. Raises UsageError."""
    paths, addresses = ([one for one in places if is_address(one) is kind] for kind in (False, True))
    for several in (paths, addresses):
        if len(several) > 1:
            raise UsageError(f"--control {several[1]}: {several[0]} was given already")
    return (*paths, None)[0], (*addresses, None)[0]


def _check_advertised(settings):
    """Clients cannot be told to connect to "every interface" (Kafka's check and message)."""
    for endpoint in settings.advertised_endpoints:
        if endpoint.host in EVERY_INTERFACE[1:]:
            raise ConfigError(f"advertised.listeners cannot use the nonroutable meta-address {endpoint.host}. "
                              "Use a routable IP address. (Left out, it is listeners.)")


def located(file, message):
    """`message` names a key; say where in the file that stands."""
    if file is None:
        return message
    named = {found.start(): key for key in file.values
             if (found := re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", message))}
    return f"{file.where(named[min(named)]) if named else file.path}: {message}"


def parse_topics(texts, what="--topic"):
    """[(name, partitions or None)] of NAME[:PARTITIONS] texts; the name itself is the cluster's to judge."""
    topics = []
    for text in texts:
        name, colon, partitions = text.partition(":")
        if not name or colon and not (partitions.isascii() and partitions.isdigit() and 0 < int(partitions) <= 10_000):
            raise UsageError(f"{what} {text}: expected NAME or NAME:PARTITIONS, such as orders:6")
        if name in (one for one, _ in topics):
            raise UsageError(f"{what} {text}: {name} is there twice")
        topics.append((name, int(partitions) if colon else None))
    return topics
