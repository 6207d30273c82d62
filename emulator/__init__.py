"""A Kafka cluster in one process. ARCHITECTURE.md tours the rooms in reading order."""

__version__ = "0.1.0"
