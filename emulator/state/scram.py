"""SCRAM credentials (KIP-554): what a server needs to check a password, never the password.

Source: ScramControlManager, ScramImage of 4.3.1; RFC 5802 for the keys.
"""

import base64
import hashlib
import hmac
from collections import Counter, namedtuple

from emulator.state.java import hash_order, string_hash
from wire.errors import (
    DUPLICATE_RESOURCE, RESOURCE_NOT_FOUND, UNACCEPTABLE_CREDENTIAL, UNKNOWN_SERVER_ERROR,
    UNSUPPORTED_SASL_MECHANISM, KafkaError,
)  # fmt: skip

MECHANISMS = {1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}
_HASHES = {1: "sha256", 2: "sha512"}
_MIN_ITERATIONS, _MAX_ITERATIONS = 4096, 16384

Credential = namedtuple("Credential", "salt stored_key server_key iterations")


def credential(mechanism, salt, salted_password, iterations):
    """The Credential of a password that its owner has salted already."""
    name = _HASHES[mechanism]

    def keyed(text):
        return hmac.digest(salted_password, text, name)

    return Credential(salt, hashlib.new(name, keyed(b"Client Key")).digest(), keyed(b"Server Key"), iterations)


def salted(mechanism, password, salt, iterations):
    """A password as its owner salts it, of which Credentials are made; takes some milliseconds."""
    return hashlib.pbkdf2_hmac(_HASHES[mechanism], password.encode(), salt, iterations)


class ScramCredentials:
    """The credentials by (user, mechanism number), in the metadata table `scram_credentials`."""

    def __init__(self, metadata):
        self._metadata = metadata
        self._table = metadata.table("scram_credentials")
        self._found = {}
        for key, row in self._table.items():
            number, user = key.split(" ", 1)
            self._found[user, int(number)] = Credential(*map(base64.b64decode, row[:3]), row[3])

    def get(self, user, mechanism):
        return self._found.get((user, mechanism))

    def describe(self, users):
        """[(user, [(mechanism, iterations)] or KafkaError)]; of everybody when `users` is empty or None."""
        asked = Counter(users) if users else dict.fromkeys((user for user, _ in self._found), 1)
        return [(user, self._one(user, asked[user] > 1)) for user in hash_order(asked, string_hash)]

    def _one(self, user, twice):
        if twice:
            return KafkaError(DUPLICATE_RESOURCE, f"Cannot describe SCRAM credentials for the same user twice in a single request: {user}")
        infos = [(number, found.iterations) for number in MECHANISMS if (found := self._found.get((user, number)))]
        return infos or KafkaError(RESOURCE_NOT_FOUND, f"Attempt to describe a user credential that does not exist: {user}")

    def alter(self, deletions, upsertions):
        """[(user, None or KafkaError)]: those that succeed first; a user may be there once.

        `deletions`: (user, mechanism); `upsertions`: (user, mechanism, iterations, salt, salted password).
        """
        doomed, wanted, refused = {}, {}, {}
        for user, mechanism in deletions:
            if user not in refused:
                error = _TWICE if doomed.pop(user, None) else self._deletion_problem(user, mechanism)
                if error:
                    refused[user] = error
                else:
                    doomed[user] = mechanism
        for user, mechanism, *rest in upsertions:
            if user not in refused:
                twice = doomed.pop(user, None) or wanted.pop(user, None)
                error = _TWICE if twice else _upsertion_problem(user, mechanism, rest[0])
                if error:
                    refused[user] = error
                else:
                    wanted[user] = mechanism, *rest
        done = hash_order(doomed, string_hash)
        with self._metadata:
            for user, mechanism in doomed.items():
                self._remove(user, mechanism)
            for user in hash_order(wanted, string_hash):
                mechanism, iterations, salt, salted_password = wanted[user]
                if salted_password:
                    self._put(user, mechanism, credential(mechanism, salt, salted_password, iterations))
                    done.append(user)
                else:
                    refused[user] = KafkaError(UNKNOWN_SERVER_ERROR)  # Java has no empty HMAC key
        return [(user, None) for user in done] + [(user, refused[user]) for user in hash_order(refused, string_hash)]

    def _deletion_problem(self, user, mechanism):
        error = _problem(user, mechanism)
        if error is None and (user, mechanism) not in self._found:
            error = KafkaError(RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist")
        return error

    def _put(self, user, mechanism, made):
        self._found[user, mechanism] = made
        secrets = [base64.b64encode(part).decode() for part in made[:3]]
        self._table.put(f"{mechanism} {user}", [*secrets, made.iterations])

    def _remove(self, user, mechanism):
        del self._found[user, mechanism]
        self._table.remove(f"{mechanism} {user}")


_TWICE = KafkaError(DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request")


def _problem(user, mechanism):
    if not user:
        return KafkaError(UNACCEPTABLE_CREDENTIAL, "Username must not be empty")
    if mechanism not in MECHANISMS:
        return KafkaError(UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    return None


def _upsertion_problem(user, mechanism, iterations):
    error = _problem(user, mechanism)
    if error is None and iterations < _MIN_ITERATIONS:
        error = KafkaError(UNACCEPTABLE_CREDENTIAL, "Too few iterations")
    if error is None and iterations > _MAX_ITERATIONS:
        error = KafkaError(UNACCEPTABLE_CREDENTIAL, "Too many iterations")
    return error
