"""What of requests and answers nobody is to read later: by the names of fields, and of configs."""

BLANK = "***"
FIELDS = frozenset({"auth_bytes", "salt", "salted_password", "hmac"})
_CONFIGS = ("password", "secret", "jaas", "ssl.keystore.key", "certificate", "passphrase", "credentials")


def is_secret_config(record):
    """Whether `record` has a config's name and its value, and the value is a secret."""
    name = getattr(record, "name", None)
    return isinstance(name, str) and hasattr(record, "value") and any(word in name.lower() for word in _CONFIGS)
