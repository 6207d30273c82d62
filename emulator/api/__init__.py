"""A decoded request and the state that it names, to a response record. Importing this fills HANDLERS."""

from emulator.api import api_versions, configs, data, groups, metadata, topics, transactions  # noqa: F401
from emulator.api.registry import HANDLERS

__all__ = ["HANDLERS"]
