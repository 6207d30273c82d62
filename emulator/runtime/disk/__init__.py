"""The form on disk of `Files`: Kafka's directories, plain files, and a bounded number of descriptors."""

from emulator.runtime.disk.descriptors import Descriptors
from emulator.runtime.disk.files import DiskFile, DiskFiles

__all__ = ["Descriptors", "DiskFile", "DiskFiles"]
