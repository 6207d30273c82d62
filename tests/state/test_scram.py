"""What is kept of a password: enough to check a proof, as RFC 7677's example shows."""

import base64
import hashlib
import hmac

from emulator.state.metadata import Metadata
from emulator.state.scram import ScramCredentials

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
SALTED = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 4096)
# The messages of the example, up to the client's last without its proof.
SAID = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SERVER_SIGNATURE = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_example_of_rfc_7677():
    credentials = ScramCredentials(Metadata())
    assert credentials.alter([], [("user", 1, 4096, SALT, SALTED)]) == [("user", None)]
    kept = credentials.get("user", 1)
    client_key = bytes(a ^ b for a, b in zip(PROOF, hmac.digest(kept.stored_key, SAID, "sha256")))
    assert hashlib.sha256(client_key).digest() == kept.stored_key
    assert hmac.digest(kept.server_key, SAID, "sha256") == SERVER_SIGNATURE
    assert (kept.salt, kept.iterations) == (SALT, 4096)


def test_they_are_there_after_a_restart():
    metadata = Metadata()
    ScramCredentials(metadata).alter([], [("a user", 1, 4096, b"\xff", SALTED), ("b", 2, 5000, b"", SALTED)])
    again = Metadata()
    again.load(metadata.entries())
    assert sorted(ScramCredentials(again).describe(None)) == [("a user", [(1, 4096)]), ("b", [(2, 5000)])]
    assert ScramCredentials(again).get("a user", 1).salt == b"\xff"
    assert base64.b64encode(SALTED).decode() not in repr(list(again.entries()))

