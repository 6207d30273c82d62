"""The web console as files: what is served how, and that nothing in it reaches elsewhere. tests/compat/test_console.py uses it in a browser."""

import http.client
import re

import pytest

from emulator import Emulator
from emulator.apps.control.web import FOLDER
from tests.apps.test_control_api import ask
from tests.runtime.registration.ensemble import Ensemble

FILES = sorted(FOLDER.iterdir())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]


@pytest.fixture(scope="module")
def kafka():
    with Emulator(config={"control.listen": "127.0.0.1:0"}) as kafka:
        yield kafka


def get(kafka, path, **headers):
    connection = http.client.HTTPConnection(kafka.control, timeout=20)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_comes_with_a_policy(kafka, path):
    response, data = get(kafka, f"/console/{path.name}")
    assert response.status == 200 and data == path.read_bytes()
    assert response.headers["Content-Type"].partition(";")[0] == {
        ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[path.suffix]
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'" and "unsafe" not in str(policy)
    assert response.headers["X-Content-Type-Options"] == "nosniff" and response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_page_is_at_the_root(kafka):
    response, data = get(kafka, "/")
    assert response.status == 200 and data == (FOLDER / "index.html").read_bytes() and "Content-Security-Policy" in response.headers
    assert sum(path.stat().st_size for path in FILES) < 100_000, "it is to be light"


@pytest.mark.parametrize("path", ["/console/web.py", "/console/..%2Fweb.py", "/console/%2e%2e%2fweb.py", "/console/%2Fetc%2Fpasswd", "/console/..", "/console/.",
                                  "/console/none.js", "/console/", "/console/a/b.js", "/console/%00.js", "/console/" + "a" * 5000 + ".js"])  # fmt: skip
def test_there_are_no_other_files(kafka, path):
    response, data = get(kafka, path)
    assert response.status == 404 and b"error" in data and b"import" not in data


@pytest.mark.parametrize("headers, status", [
    ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"}, 403),
    ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, 403),
    ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
    ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "script"}, 200),
    ({"Host": "evil.example"}, 403),
])  # fmt: skip
def test_pages_from_elsewhere_get_none_of_it(kafka, headers, status):
    for path in ("/", "/console/main.js"):
        assert get(kafka, path, **headers)[0].status == status


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_markup(path):
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|(?<![:/])//[a-z]", text.replace("// ", "")), "an address"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\bon\w+=\"|style=", text)
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]* src=)|<style", text)


def test_scripts_ask_for_what_there_is(kafka):
    paths = ask(kafka, "GET", "/openapi.json")[2]["paths"]
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        for name in re.findall(r"from \"\./([\w.]+)\"", text):
            assert (FOLDER / name).is_file(), f"{script.name} imports {name}"
        for method, path in re.findall(r"\b(get|post|remove)\(\"(/[^\"?]*)", text):
            assert {"remove": "delete"}.get(method, method) in paths[path], f"{script.name}: {method} {path}"


def test_the_files_are_part_of_the_package():
    [line] = [line for line in (FOLDER.parents[3] / "setup.cfg").read_text().splitlines() if line.startswith("emulator.apps.control = ")]
    assert line == f"emulator.apps.control = {FOLDER.name}/*"


def test_requests_by_api(kafka):
    from tests.wire_client import WireClient
    from wire.apis.groups import Heartbeat

    with WireClient(kafka.bootstrap) as client:
        for _ in range(3):
            client.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=1)
    [found] = [one for one in ask(kafka, "GET", "/requests/counts")[2]["apis"] if one["api"] == "Heartbeat"]
    assert found["requests"] == 3 and sum(found["errors"].values()) == 3 and found["under_way"] == 0
    assert 0 < found["p50_ms"] <= found["p99_ms"] < 30_000 and found["took_ms"] >= found["waited_ms"]


def test_the_ensemble_is_asked(tmp_path, kafka):
    assert ask(kafka, "GET", "/zookeeper")[2]["connect"] is None
    with Ensemble(tmp_path) as zk:
        config = {"zookeeper.connect": zk.connect, "control.listen": "127.0.0.1:0"}
        with Emulator(config=config) as registered:
            answer = ask(registered, "GET", "/zookeeper")[2]
            [server] = answer["servers"]
            assert answer["connect"] == zk.connect and server["address"] == f"127.0.0.1:{zk.port}"
            assert server["role"] == "standalone" and int(server["zxid"], 16) > 0
            zk.stop()
            [server] = ask(registered, "GET", "/zookeeper")[2]["servers"]
            assert (server["role"], server["zxid"], server["reason"]) == ("down", None, "Connection refused")
            zk.start()
