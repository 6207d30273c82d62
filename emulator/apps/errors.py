"""What the user did that cannot work."""


class UsageError(Exception):
    """Its text is one line for stderr; the command then ends with status 2."""
