"""The control API of an Emulator, over ports."""

from emulator.apps.control.server import application_of, open_ports
from emulator.apps.control.table import Conflict
from emulator.apps.errors import UsageError


def open_control(server, doors):
    """{"control": ControlPort, "metrics": ControlPort}, of what the Doors name. Raises OSError."""
    try:
        return open_ports(server, application_of(server, _stop), doors)
    except UsageError as error:
        raise OSError(str(error)) from None


def _stop():
    raise Conflict("it runs inside a Python program, which ends it")
