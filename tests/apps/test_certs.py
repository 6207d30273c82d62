"""`kafka-emulator certs`: what it writes, and what it never does."""

import stat
from datetime import datetime, timezone

import pytest
from cryptography import x509

from emulator.apps.certs import Certificates
from emulator.apps.cli import main


def test_an_authority_a_server_and_clients(tmp_path, capsys):
    assert main(["certs", str(tmp_path / "certs"), "--client", "alice", "--client", "bob", "--host", "kafka.test"]) == 0
    told = capsys.readouterr().out
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "certs").iterdir()}
    assert sorted(files) == ["ca.key", "ca.pem", "client-alice.p12", "client-alice.pem", "client-bob.p12", "client-bob.pem", "server.p12", "server.pem", "truststore.p12"]
    assert {name for name, mode in files.items() if mode & 0o077} == {"ca.pem", "truststore.p12"}
    assert f"ssl.keystore.location: {tmp_path}/certs/server.pem" in told


def test_what_is_there_stays(tmp_path, capsys):
    main(["certs", str(tmp_path), "--client", "alice"])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert main(["certs", str(tmp_path), "--client", "alice", "--client", "bob"]) == 0
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert before.items() <= after.items() and len(after) == len(before) + 2
    assert f"{tmp_path}/server.pem: there already, and left as it is" in capsys.readouterr().out


def test_half_an_authority_is_nobodys(tmp_path, capsys):
    (tmp_path / "ca.pem").write_text("")
    assert main(["certs", str(tmp_path)]) == 2
    assert "half of an authority" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["ca.pem"]


def test_an_authority_of_ones_own_signs_no_longer_than_it_lasts(tmp_path, capsys):
    main(["certs", str(tmp_path), "--days", "10"])
    for file in ("server.pem", "server.p12", "truststore.p12"):
        (tmp_path / file).unlink()
    assert main(["certs", str(tmp_path), "--days", "365"]) == 0
    server, authority = (x509.load_pem_x509_certificates((tmp_path / name).read_bytes())[0] for name in ("server.pem", "ca.pem"))
    assert server.not_valid_after_utc == authority.not_valid_after_utc
    assert (tmp_path / "truststore.p12").exists()


@pytest.mark.parametrize("file, text, said", [
    ("ca.key", "nonsense", "ca.key: not a key in PEM"), ("ca.pem", "nonsense", "ca.pem: not a certificate in PEM"), ("ca.key", None, "ca.pem: not the certificate of"),
])  # fmt: skip
def test_an_authority_that_is_none_signs_nothing(tmp_path, capsys, file, text, said):
    main(["certs", str(tmp_path), "--client", "alice"])
    (tmp_path / file).write_text(text or (tmp_path / "client-alice.pem").read_text())
    assert main(["certs", str(tmp_path), "--client", "bob"]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "client-bob.pem").exists()


def test_an_authority_that_has_expired_signs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("emulator.apps.certs._now", lambda: datetime(2020, 1, 1, tzinfo=timezone.utc))
    Certificates(tmp_path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="ca.pem: it has expired"):
        Certificates(tmp_path)


def test_hosts_are_names_or_addresses(tmp_path):
    assert main(["certs", str(tmp_path), "--host", "münchen.test", "--host", "*.kafka.test", "--host", "[::1]"]) == 0
    certificate = x509.load_pem_x509_certificates((tmp_path / "server.pem").read_bytes())[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == ["xn--mnchen-3ya.test", "*.kafka.test", "::1"]


@pytest.mark.parametrize("more, said", [
    (["--days", "0"], "--days 0"), (["--client", "a/b"], "--client a/b"), (["--client", ""], "--client"), (["--client", "x" * 65], "at most 64 characters"),
    (["--host", ""], "--host : expected"), (["--host", "a b"], "--host a b: expected the name"), (["--host", "x" * 64], "--host xxx"), (["--password", ""], "--password"),
])  # fmt: skip
def test_mistakes_are_named(tmp_path, capsys, more, said):
    assert main(["certs", str(tmp_path), *more]) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())
