"""The control API of an Emulator, over a port."""

from emulator.apps.control.server import application_of, open_port
from emulator.apps.control.table import Conflict
from emulator.apps.errors import UsageError


def open_control(server, address):
    """The ControlPort at (host, port). Raises OSError."""
    try:
        return open_port(server, application_of(server, _stop), address)
    except UsageError as error:
        raise OSError(str(error)) from None


def _stop():
    raise Conflict("it runs inside a Python program, which ends it")
