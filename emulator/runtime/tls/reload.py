"""The stores of a listener, and others in their place while it runs (KIP-226): which may follow which (SslFactory)."""

from emulator.runtime.tls.names import alternative_names, is_same_subject, shown_alternatives, shown_subject
from emulator.runtime.tls.stores import StoreError, read_keys, read_trusted, said_of_stores, stamps


class Stores:
    """What the ssl.keystore and ssl.truststore configs of ListenerConfigs say (`said`), and what was in the files. Raises ConfigError."""

    def __init__(self, configs):
        self.said = said_of_stores(configs)
        self._stamps = stamps(self.said)
        self.keys, self.trusted = read_keys(self.said), read_trusted(self.said)

    @property
    def are_modified(self):
        """Whether a file is another now; one that is not there is not."""
        return any(now is not None and now != then for now, then in zip(stamps(self.said), self._stamps))

    def check_follow(self, before, configs):
        """Raise StoreError where these may not stand in place of the Stores `before`, by the ssl.allow. `configs`."""
        if self.keys is None:
            raise _refused("Cannot remove the SSL keystore from an existing listener for which a keystore was configured.")
        pairs = list(zip(before.keys.entries, self.keys.entries))
        counts = len(before.keys.entries), len(self.keys.entries)
        for allowed, check in (("ssl.allow.dn.changes", _check_subject), ("ssl.allow.san.changes", _check_alternatives)):
            if not configs.value(allowed):
                if counts[0] != counts[1]:
                    raise _refused("Keystore entries do not match, existing store contains %d entries, new store contains %d entries" % counts)
                for old, new in pairs:
                    check(*old, *new)
        if before.trusted is None and self.trusted is not None:
            raise _refused("Cannot add SSL truststore to an existing listener for which no truststore was configured.")


def _check_subject(old_alias, old, alias, new):
    if not is_same_subject(old, new):
        shown = f"existing={{alias={old_alias}, DN={shown_subject(old)}}}, new={{alias={alias}, DN={shown_subject(new)}}}"
        raise _refused(f"Keystore DistinguishedName does not match:  {shown}")


def _check_alternatives(old_alias, old, alias, new):
    old_names, names = alternative_names(old), alternative_names(new)
    if not set(old_names) <= set(names):
        shown = f"existing={{alias={old_alias}, SAN={shown_alternatives(old_names)}}}, new={{alias={alias}, SAN={shown_alternatives(names)}}}"
        raise _refused(f"Keystore SubjectAltNames do not match:  {shown}")


def _refused(why):
    return StoreError(f"org.apache.kafka.common.config.ConfigException: {why}")
