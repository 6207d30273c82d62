"""The levels of this process's loggers by Kafka's words (the BROKER_LOGGER resource, KIP-412).

The loggers are Python's: `root`, and those of this program by module ("emulator.state.log.cleaner"). A level lasts until
the process ends, as in Kafka. Source: RuntimeLoggerManager and LoggingController of Kafka 4.3.1.
"""

import logging

from wire.errors import INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_SERVER_ERROR, KafkaError

ROOT = "root"
SET, DELETE, APPEND, SUBTRACT = range(4)
_REFUSED = {APPEND: "APPEND", SUBTRACT: "SUBTRACT"}

_LEVELS = {"FATAL": logging.CRITICAL, "ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG, "TRACE": 5}
_PROJECT = ("emulator", "wire")


def levels():
    """{logger: level} of all there are, each with the level that counts for it."""
    there = logging.root.manager.loggerDict
    names = [name for name in sorted(there) if name.partition(".")[0] in _PROJECT]
    found = {name: _level_name(logging.getLogger(name)) for name in names}
    found[ROOT] = _level_name(logging.root)
    return found


def _level_name(logger):
    level = logger.getEffectiveLevel()
    return next((name for name, lowest in _LEVELS.items() if level >= lowest), "TRACE")


def check(operations):
    """Raise KafkaError unless all (logger, operation, level) may be done."""
    there = levels()
    for name, operation, level in operations:
        if operation in _REFUSED:
            raise KafkaError(INVALID_REQUEST, f"{_REFUSED[operation]} operation is not allowed for the BROKER_LOGGER resource")
        if operation not in (SET, DELETE):
            raise KafkaError(UNKNOWN_SERVER_ERROR)  # Kafka stumbles over it
        if name not in there:
            raise KafkaError(INVALID_CONFIG, f"Logger {name} does not exist!")
        if operation == SET and level not in _LEVELS:
            raise KafkaError(
                INVALID_CONFIG,
                f"Cannot set the log level of {name} to {level} as it is not a supported log level."
                f" Valid log levels are {', '.join(sorted(_LEVELS))}",
            )
        if operation == DELETE and name == ROOT:
            raise KafkaError(INVALID_REQUEST, f"Removing the log level of the {ROOT} logger is not allowed")


def alter(operations):
    """Set levels, or (DELETE) let those of the loggers above count again. Raises KafkaError before anything is done."""
    check(operations)
    for name, operation, level in operations:
        logger = logging.root if name == ROOT else logging.getLogger(name)
        logger.setLevel(_LEVELS[level] if operation == SET else logging.NOTSET)
