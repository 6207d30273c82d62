"""The servers that the suite can run against, each as a subprocess: the emulator, and the real Kafka from its jars."""
import base64
import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

from emulator.apps.control.client import ask

HERE = Path(__file__).resolve().parent
BIN = HERE / "bin"


def log_ins(users, address):
    """Settings of a server whose clients log in by PLAIN as one of `users`, {name: password}: the first may do everything, the others what ACLs
    allow. Clients of a real Kafka's other listener, which are its own broker and controller, may do everything, too."""
    if not users:
        return {}
    (first, password), *_ = users.items()
    known = " ".join(f'user_{name}="{word}"' for name, word in users.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        "listeners": f"USERS://{address}",
        "listener_security_protocol_map": "USERS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl_enabled_mechanisms": "PLAIN",
        "inter_broker_listener_name": "USERS",
        "sasl_mechanism_inter_broker_protocol": "PLAIN",
        "listener_name_users_plain_sasl_jaas_config": f'{module} username="{first}" password="{password}" {known};',
        "authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super_users": f"User:{first};User:ANONYMOUS",
    }  # fmt: skip


@contextlib.contextmanager
def emulator(directory, python=sys.executable, users=None, **settings):
    """Serve the emulator from a new process, as `settings` (Kafka's names, dots as underscores) say; yields "host:port".

    `users`: see `log_ins`.
    """
    settings = {**log_ins(users, "127.0.0.1:0"), **settings}
    command = [python, "-m", "emulator.apps.cli", "serve", "--control", str(directory / "control.sock"), "--log-level", "info"]
    if "listeners" not in settings:
        command += ["--listen", "127.0.0.1:0"]
    if settings:
        config = directory / "config.yaml"
        config.write_text("".join(f"{name.replace('_', '.')}: '{value}'\n" for name, value in settings.items()))
        command += ["--config", str(config)]
    with open(directory / "emulator.log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE.parents[1])
        try:
            line = process.stdout.readline()
            address = re.match(r"bootstrap\.servers=(\S+)", line)
            if not address:
                process.wait(10)
                raise RuntimeError(f"the emulator did not start: {line!r}\n{(directory / 'emulator.log').read_text()}")
            yield address[1]
        finally:
            status = stop(process)
            process.stdout.close()
        if status:
            raise RuntimeError(f"the emulator ended with status {status}\n{(directory / 'emulator.log').read_text()[-4000:]}")


@contextlib.contextmanager
def real_kafka(directory, users=None, **settings):
    """Start Apache Kafka as kafka.properties and `settings` (Kafka's names, dots as underscores) say; yields "host:port".

    Its data are in directory/data, formatted the first time. LISTENER and QUORUM in a setting are its two addresses. `users`: see `log_ins`.
    """
    if users:
        own = {"listeners": "USERS://LISTENER,CONTROLLER://QUORUM", "advertised_listeners": "USERS://LISTENER"}
        settings = {**log_ins(users, "LISTENER"), **own, **settings}
    listener, quorum = (f"127.0.0.1:{port}" for port in free_ports(2))
    properties = directory / "kafka.properties"
    text = (HERE / "kafka.properties").read_text() + "".join(f"{name.replace('_', '.')}={value}\n" for name, value in settings.items())
    for name, value in (("LISTENER", listener), ("QUORUM", quorum), ("DATA", str(directory / "data"))):
        text = text.replace(name, value)
    properties.write_text(text)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
    with open(directory / "kafka.log", "wb") as log:
        if not (directory / "data" / "meta.properties").exists():
            subprocess.run([BIN / "kafka-storage.sh", "format", "-t", cluster, "-c", properties], check=True, stdout=log, stderr=log)
        process = subprocess.Popen([BIN / "kafka-server-start.sh", properties], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not answers(listener):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Kafka did not start:\n{(directory / 'kafka.log').read_text()[-4000:]}")
                time.sleep(0.1)
            yield listener
        finally:
            stop(process)


@contextlib.contextmanager
def proxy(directory, upstream=None, **settings):
    """`kafka-emulator proxy` before `upstream`, with settings of its own; yields "host:port" of its broker 1, where clients may begin, too.

    Without `upstream`: as directory/proxy.yaml says.
    """
    config, control = directory / "proxy.yaml", directory / "proxy.sock"
    if upstream is not None:
        settings = {"listeners": "PLAINTEXT://127.0.0.1:0", "upstream_bootstrap_servers": upstream, **settings}
        config.write_text("".join(f"{name.replace('_', '.')}: '{value}'\n" for name, value in settings.items()))
    command = [sys.executable, "-m", "emulator", "proxy", "--config", str(config), "--control", str(control)]
    with open(directory / "proxy.log", "ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE.parents[1])
        try:
            line = process.stdout.readline()
            if not line.startswith("bootstrap.servers="):
                raise RuntimeError(f"the proxy did not start: {line!r}\n{(directory / 'proxy.log').read_text()}")
            found = re.findall(r"broker 1 at (\S+) for", " ".join(ask(str(control), "GET", "/status")["nodes"]))
            yield found[0] if found else line.strip().partition("=")[2]
        finally:
            status = stop(process)
            process.stdout.close()
        log_text = (directory / "proxy.log").read_text()
        if status or "Traceback" in log_text:
            raise RuntimeError(f"the proxy ended with status {status}\n{log_text[-4000:]}")


@contextlib.contextmanager
def through_proxy(server, directory, **settings):
    """`server`, one of the above, behind a proxy."""
    with server(directory, **settings) as upstream, proxy(directory, upstream) as address:
        yield address


def answers(address):
    """True when the port answers an ApiVersions request: Kafka opens it a while before it serves."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def stop(process, patience=30):
    """Stop as an operator does, with SIGTERM; returns the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
