"""What keeps a server from using a directory."""


class StorageError(Exception):
    """The text, one line, is what a person reads: which file, and what is wrong with it."""
