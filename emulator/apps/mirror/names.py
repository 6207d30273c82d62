"""Which topics are mirrored, and what they are called on the other side."""

import re

from emulator.apps.errors import UsageError

_LONGEST = 249  # letters of a topic's name


def matcher(patterns, option):
    """f(name): whether one of `patterns`, regular expressions with commas between them, is of the whole name. Raises UsageError."""
    try:
        compiled = [re.compile(one.strip()) for one in patterns.split(",") if one.strip()]
    except re.error as error:
        raise UsageError(f"{option} {patterns}: {error}") from None
    if not compiled:
        raise UsageError(f"{option} {patterns}: expected names or patterns")
    return lambda name: any(one.fullmatch(name) for one in compiled)


class Names:
    """`patterns`: regular expressions with commas between them, each of a whole name; `prefix`: before each name there."""

    def __init__(self, patterns, prefix=""):
        self._matches = matcher(patterns, "--topics")
        if not re.fullmatch(r"[a-zA-Z0-9._-]*", prefix):
            raise UsageError(f"--prefix {prefix}: a topic's name has letters of ASCII, digits, dots, _ and -")
        self.prefix = prefix

    def takes(self, name, is_internal=False):
        """Kafka's own topics are each cluster's own."""
        return not is_internal and not name.startswith("__") and self._matches(name)

    def there(self, name):
        """Raises ValueError where that is no name."""
        if len(self.prefix + name) > _LONGEST:
            raise ValueError(f"{self.prefix}{name} has more than {_LONGEST} letters")
        return self.prefix + name
