"""The web console in a real browser, by mouse and by keyboard alone, with records that mean no good."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import browser as chromium
import pytest
from kafka import KafkaConsumer, KafkaProducer

from emulator import Emulator

pytestmark = [pytest.mark.soak, pytest.mark.skipif(chromium.found() is None, reason="no Chromium: tests/compat/setup --browser")]

SCRIPT = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'><svg onload='window.harmed = 1'>"


@pytest.fixture(scope="module")
def kafka():
    config = {"control.listen": "127.0.0.1:0", "default.replication.factor": 3, "offsets.topic.num.partitions": 3, "transaction.state.log.num.partitions": 3}
    with Emulator(brokers=3, clock="virtual", config=config, topics=["orders:3", "hostile:1", "quiet"], requests=0) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    with chromium.browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture
def page(chrome, kafka):
    """The console, at its first view; `page.go("#/topics", "what is to be seen")`. Nothing may have failed in it, nor been asked of elsewhere."""
    chrome.errors, chrome.answers = [], {}
    chrome.go = lambda where, text: (chrome.run(f"location.hash = {json.dumps(where)}"), chrome.sees(text, "main"))
    chrome.open("about:blank")
    chrome.open(f"http://{kafka.control}/")
    chrome.sees("Requests by API")
    yield chrome
    assert chrome.errors == []
    assert all(url.startswith((f"http://{kafka.control}/", "about:")) and status == 200 for url, status in chrome.answers.items()), chrome.answers


def row(page, text):
    """The cells of the first row that has this in it."""
    return page.until(f"""[...[...document.querySelectorAll("main tbody tr")].find((row) => row.innerText.includes({json.dumps(text)}))?.cells ?? []].map((cell) => cell.innerText.trim())""",
                      f"no row {text}")


def test_brokers_by_keyboard_alone(page, kafka):
    page.sees("3 of 3")
    assert row(page, kafka.brokers[2].address)[0] == "2"
    page.focus('[aria-label="kill broker 3"]')
    page.key("Enter")
    page.until("document.getElementById('ask').open", "it asks first")
    page.key("Escape")
    page.until("!document.getElementById('ask').open")
    assert kafka.brokers[3].state == "running"
    page.focus('[aria-label="kill broker 3"]')
    page.key("Enter")
    page.until("document.activeElement.id === 'ask-yes'", "its button has the focus")
    page.key("Enter")
    page.sees("killed", "main")
    page.sees("2 of 3")
    assert kafka.brokers[3].state == "killed"
    page.focus('[aria-label="start broker 3"]')
    page.key(" ")
    page.sees("3 of 3")


def test_tab_goes_through_all_and_the_focus_stays(page):
    page.key("Tab")
    assert page.run("document.activeElement.className") == "skip"
    seen = []
    for _ in range(40):
        page.key("Tab")
        seen.append(page.run("document.activeElement.innerText?.trim() || document.activeElement.getAttribute('aria-label') || document.activeElement.tagName"))
    assert {"kafka-emulator", "Advance", "Theme", "Overview", "ZooKeeper", "stop", "split"} <= set(seen), seen
    page.focus('[aria-label="freeze broker 2"]')
    page.run("window.looks = 0; new MutationObserver(() => { looks += 1 }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true })")
    page.until("window.looks > 1", "the page is brought up to date")
    assert page.run("document.activeElement.getAttribute('aria-label')") == "freeze broker 2"


def test_a_topic_from_beginning_to_end(page, kafka):
    page.go("#/topics", "orders")
    page.click("main details.menu summary")
    page.focus("main form input[name=name]")
    page.type("made.here")
    page.focus("main form input[name=partitions]")
    page.type("2")
    page.focus("main form textarea[name=configs]")
    page.type("retention.ms=1000")
    page.focus("main form input[name=name]")
    page.key("Enter")
    page.sees("made.here", "main table")
    assert len(kafka.server.cluster.topics["made.here"].partitions) == 2
    page.go("#/topics/made.here", "retention.ms=1000")
    page.click("main details.menu summary")
    for name, value in {"key": "k", "value": '{"a": [1, 12345678901234567890]}', "headers": "trace=on"}.items():
        page.focus(f"main form [name={name}]")
        page.type(value)
    page.run("document.querySelector('main form').requestSubmit()")
    page.sees("12345678901234567890", "main table + *, main")
    [record] = kafka.records("made.here")
    assert (record.key, record.value, record.headers) == (b"k", b'{"a": [1, 12345678901234567890]}', (("trace", b"on"),))
    page.click('main button[aria-label^="record"]')
    page.sees('{\n  "a": [\n    1,\n    12345678901234567890\n  ]\n}', 'pre[aria-label="Value"]')
    page.sees("on", 'pre[aria-label="Header trace"]')
    leader = kafka.server.cluster.partition("made.here", 0).leader
    other = leader % 3 + 1
    page.click(f'[aria-label="have broker {other} lead partition 0"]')
    page.until(f"document.querySelector('main tbody tr').cells[1].innerText === '{other}'")
    page.click(f'[aria-label="take broker {leader} out of sync in partition 0"]')
    page.sees("out of sync in made.here-0", "#said")
    page.run("[...document.querySelectorAll('main button.danger')].find((one) => one.innerText === 'Empty').click()")
    page.click("#ask-yes")
    page.sees("None there.", "main")
    page.run("[...document.querySelectorAll('main button.danger')].find((one) => one.innerText === 'Delete').click()")
    page.click("#ask-yes")
    page.until("location.hash === '#/topics'")
    assert "made.here" not in kafka.server.cluster.topics


def test_records_that_mean_no_good(page, kafka):
    kafka.produce("hostile", SCRIPT, key=SCRIPT, headers=[(SCRIPT, SCRIPT.encode())])
    kafka.produce("hostile", bytes(range(256)) * 4000, key=b"\0\0\0\x2a")
    kafka.produce("hostile", "wide " * 200_000, key="large")
    kafka.produce("hostile", '{"__proto__": {"harmed": 1}, "constructor": "' + SCRIPT.replace('"', "'") + '"}', key="\u202egnitirw sdrawkcab")
    kafka.produce("hostile", '{"a":' * 3000 + "1" + "}" * 3000, key="deep")
    kafka.produce("hostile", None, key="", timestamp=8_640_000_000_000_001)
    page.go("#/topics/hostile", "deep")
    page.until("document.querySelectorAll('main button[aria-label^=record]').length === 6")
    page.run("document.querySelectorAll('main button[aria-label^=record]').forEach((one) => one.click())")
    page.sees("<img src=x", "main")
    page.sees("The first 50,000 of 1,000,000", "main")
    page.sees("32-bit number 42", "main")
    page.sees("000000f0  f0 f1", "main")
    assert page.run("typeof window.harmed") == "undefined" and page.run("typeof ({}).harmed") == "undefined"
    assert page.run("document.querySelectorAll('main img, main script, main iframe').length") == 0
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), "nothing makes the page wider than the window"


@pytest.mark.parametrize("view, name", [("topics", SCRIPT), ("groups", "../../stop"), ("topics", "%"), ("nowhere", "x")])
def test_addresses_may_be_anything(chrome, kafka, view, name):
    chrome.errors = []
    chrome.open(f"http://{kafka.control}/#/{view}/{name}")
    chrome.until("document.querySelector('main h1') !== null && !document.querySelector('main').innerText.includes('…')")
    assert chrome.run("typeof window.harmed") == "undefined" and not [error for error in chrome.errors if "404" not in error]
    assert kafka.runs


def test_groups_and_how_far_they_lag(page, kafka):
    for number in range(9):
        kafka.produce("orders", f"v{number}", partition=number % 3)
    consumer = KafkaConsumer("orders", bootstrap_servers=kafka.bootstrap, group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False)
    while not consumer.poll(500):
        pass
    consumer.commit()
    page.go("#/groups", "billing")
    assert row(page, "billing")[:3] == ["billing", "Classic", "Stable"]
    page.click("main table a")
    page.sees("Committed", "main")
    lags = page.until("[...document.querySelectorAll('main tr')].filter((row) => row.cells.length === 6 && row.cells[0].innerText === 'orders').map((row) => +row.cells[4].innerText)")
    found = sum(one["lag"] for one in kafka.call(lambda: kafka_group(kafka)))
    assert sum(lags) == found
    consumer.close()
    page.sees("Empty", "main")
    page.focus("main form input[name=topic]")
    page.type("orders")
    page.focus("main form input[name=to]")
    page.type("latest")
    page.key("Enter")
    page.sees("billing goes on there", "#said")
    page.sees("lag 0", "main")
    page.go("#/topics/__consumer_offsets", '{"OffsetCommit":{"group":"billing"')
    page.go("#/groups/billing", "Committed")
    page.click("main button.danger")
    page.click("#ask-yes")
    page.until("location.hash === '#/groups'")
    page.until("!document.querySelector('main').innerText.includes('billing')")


def kafka_group(kafka):
    from emulator.apps.control.groups import describe

    return describe(kafka.server, {"group": "billing"})["offsets"]


def test_requests_and_events_as_they_come(page, kafka):
    page.go("#/requests", "not kept")
    page.click("main button")
    page.sees("None of those yet", "main")
    client = KafkaConsumer(bootstrap_servers=kafka.bootstrap, client_id="<b>someone</b>")
    client.topics()
    page.sees("Metadata v", "main")
    assert row(page, "Metadata v")[2] == "<b>someone</b>"
    client.close()
    page.focus("main input[placeholder=Fetch]")
    page.type("Nothing")
    page.sees("None of those yet", "main")
    page.click("main button")
    page.sees("not kept", "main")
    page.go("#/events", "from now on")
    kafka.create_topic("eventful")
    page.sees("topic created", "main")
    assert row(page, "topic created")[2] == "topic=eventful partitions=1"


def test_faults(page, kafka):
    page.go("#/faults", "No faults")
    page.focus("main input[name=words]")
    page.type("name=broken api=Produce topic=orders error=NOT_LEADER")
    page.key("Enter")
    page.sees("did you mean NOT_LEADER_OR_FOLLOWER", "#said.failed")
    assert page.run("document.querySelector('main input[name=words]').value").endswith("error=NOT_LEADER"), "it can be corrected"
    page.type("_OR_FOLLOWER times=1")
    page.key("Enter")
    page.sees("broken waits", "#said")
    assert row(page, "broken")[2:5] == ["0", "0", "waits"]
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, retries=5)
    producer.send("orders", b"again", partition=0).get(20)
    producer.close()
    page.sees("spent", "main")
    assert row(page, "broken")[3] == "1" and int(row(page, "broken")[2]) >= 1
    page.click('[aria-label="remove broken"]')
    page.sees("No faults", "main")
    refusals = [error for error in page.errors if "400" in error]
    assert len(refusals) == 1, "the browser itself tells of an answer that is a refusal"
    page.errors = [error for error in page.errors if error not in refusals]
    page.answers = {url: status for url, status in page.answers.items() if not url.endswith("/faults")}


def test_the_clock_is_advanced(page, kafka):
    before = kafka.clock.now_ms()
    page.click("#clock summary")
    page.until("""[...document.querySelectorAll("#clock button")].find((one) => one.innerText === "+1h")?.click() ?? true""")
    page.sees("Advanced by 1h", "#said")
    page.focus("#clock input[name=by]")
    page.type("2d 3h")
    page.key("Enter")
    page.sees("Advanced by 2d 3h", "#said")
    assert kafka.clock.now_ms() - before == 52 * 3_600_000
    page.focus("#clock input[name=by]")
    page.type("7 moons")
    page.key("Enter")
    page.sees("no duration", "#said.failed")
    page.key("Escape")
    page.until("!document.querySelector('#clock details').open")
    chromium_errors = [error for error in page.errors if "400" not in error]
    page.errors = chromium_errors  # the browser itself tells its console of an answer that is a refusal
    page.answers = {url: status for url, status in page.answers.items() if not url.endswith("/clock/advance")}


def test_snapshots(page, kafka):
    kafka.produce("quiet", "kept")
    page.go("#/snapshots", "Make one")
    page.focus("main input[name=name]")
    page.type("before")
    page.key("Enter")
    page.sees("before", "main table")
    kafka.produce("quiet", "lost")
    page.click('[aria-label="restore before"]')
    page.click("#ask-yes")
    page.sees("as it was in before", "#said")
    assert [one.value for one in kafka.records("quiet")] == [b"kept"]
    page.click('[aria-label="delete before"]')
    page.sees("None yet", "main")


def test_a_server_that_is_gone_for_a_while(page):
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.do("Network.emulateNetworkConditions", offline=True, **conditions)
    page.sees("The server does not answer", "main")
    page.do("Network.emulateNetworkConditions", offline=False, **conditions)
    page.sees("The server answers again", "#said")
    page.sees("Requests by API", "main")
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in page.errors)
    page.errors = []


CONTRAST = """(() => {
  const parse = (color) => { const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true }); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((value) => (value /= 255) <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4); return .2126 * x + .7152 * y + .0722 * z };
  const ground = (element) => { for (let at = element; at; at = at.parentElement) { const color = parse(getComputedStyle(at).backgroundColor); if (color[3] === 255) return color } return [255, 255, 255] };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.push([element.tagName, element.className, element.innerText.slice(0, 20), ((a + .05) / (b + .05)).toFixed(2)].join(" "));
  }
  return bad })()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_and_each_control_has_a_name(page, kafka, tmp_path, dark):
    kafka.brokers[2].kill()
    try:
        for view in ("", "topics", "topics/orders", "groups", "requests", "events", "faults", "snapshots", "zookeeper"):
            page.run(f"location.hash = '#/{view}'")
            page.until("!document.querySelector('main').innerText.includes('…')")
            page.look(tmp_path / "page.png", dark=dark)
            assert page.run(CONTRAST) == [], view
            nodes = page.do("Accessibility.getFullAXTree")["nodes"]
            unnamed = [node["role"]["value"] for node in nodes if node.get("role", {}).get("value") in
                       ("button", "link", "textbox", "checkbox", "combobox", "searchbox", "spinbutton", "table", "image")
                       and not node.get("ignored") and not node.get("name", {}).get("value")]  # fmt: skip
            assert unnamed == [] or view == "" and unnamed == ["image"], view
            assert page.run("document.querySelectorAll('h1').length") == 1 and page.run("document.querySelectorAll('nav [aria-current=page]').length") == 1
    finally:
        kafka.brokers[2].start()


def test_the_reader_chooses_light_or_dark(page, tmp_path):
    page.look(tmp_path / "page.png", dark=False)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.click("#theme")
    dark = page.run(ground)
    page.run("window.before = true; location.reload()")
    page.until("window.before === undefined && document.querySelector('main table') !== null")
    assert page.run(ground) == dark != light
    page.click("#theme")
    assert page.run(ground) == light
    page.run("localStorage.clear()")


ATTACK = """<!doctype html><body><script>
const port = "{port}", told = [];
const tried = (name, promise) => promise.then((answer) => told.push(name + " " + answer), () => told.push(name + " refused"));
const body = JSON.stringify({{name: "stolen"}});
window.done = Promise.all([
  tried("read", fetch(`http://${{port}}/topics`).then((answer) => answer.text())),
  tried("plain", fetch(`http://${{port}}/topics`, {{method: "POST", mode: "no-cors", body}}).then((answer) => answer.type)),
  tried("json", fetch(`http://${{port}}/topics`, {{method: "POST", headers: {{"Content-Type": "application/json"}}, body}}).then((answer) => answer.text())),
  tried("beacon", Promise.resolve(navigator.sendBeacon(`http://${{port}}/stop`, new Blob(["{{}}"])))),
  tried("script", new Promise((resolve, reject) => {{ const one = document.createElement("script"); one.src = `http://${{port}}/console/theme.js`; one.onload = resolve; one.onerror = reject; document.head.append(one) }})),
  tried("frame", new Promise((resolve) => {{ const one = document.createElement("iframe"); one.src = `http://${{port}}/`; one.onload = () => setTimeout(() => resolve(one.contentWindow.length), 200); document.body.append(one) }})),
  tried("form", new Promise((resolve) => {{ const frame = document.createElement("iframe"); frame.name = "there"; const form = document.createElement("form");
    Object.assign(form, {{method: "POST", action: `http://${{port}}/retention/run`, enctype: "text/plain", target: "there"}}); frame.onload = () => resolve("sent"); document.body.append(frame, form); form.submit() }})),
]).then(() => told);
</script>"""


def test_a_page_from_elsewhere_can_do_nothing(chrome, kafka):
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            data = ATTACK.format(port=kafka.control).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            chrome.open("about:blank")
            chrome.answers = {}
            chrome.open(f"http://localhost:{server.server_port}/")
            chrome.until("window.done !== undefined && document.body !== null")
            told = dict(one.split(" ", 1) for one in chrome.run("window.done"))
        finally:
            server.shutdown()
            thread.join()
    assert {told[name] for name in ("read", "json", "script")} == {"refused"}, told
    assert "stolen" not in kafka.server.cluster.topics and kafka.runs
    refused = [url for url, status in chrome.answers.items() if kafka.control in url and status == 200]
    assert not [url for url in refused if not url.endswith("/")], refused
    assert kafka.control not in chrome.text()


def test_a_token_is_asked_for_and_kept_by_the_page_alone(chrome, tmp_path):
    token = "correct-horse-battery-staple"
    file = tmp_path / "token"
    file.write_text(token)
    with Emulator(config={"control.listen": "127.0.0.1:0", "control.token.file": str(file)}, topics=["hidden"]) as guarded:
        chrome.open("about:blank")
        chrome.open(f"http://{guarded.control}/#/topics")
        chrome.sees("Token", "main")
        assert "hidden" not in chrome.text()
        for said in ("not-the-right-one-at-all", token):
            chrome.until("document.querySelector('main input[type=password]') !== null")
            chrome.run("document.querySelector('main input[type=password]').value = ''")
            chrome.focus("main input[type=password]")
            chrome.type(said)
            chrome.key("Enter")
            if said != token:
                chrome.sees("That is not its token.")
        chrome.sees("hidden", "main")
        chrome.run("location.hash = '#/events'")
        chrome.sees("from now on", "main")
        guarded.create_topic("eventful")
        chrome.sees("topic created", "main")
        assert chrome.run("JSON.stringify([document.cookie, localStorage.length, sessionStorage.length, location.href])") == json.dumps(
            ["", chrome.run("localStorage.length"), 0, f"http://{guarded.control}/#/events"], separators=(",", ":"))
        assert chrome.run("Object.values(localStorage).join()").find(token) == -1
        chrome.open("about:blank")
        chrome.open(f"http://{guarded.control}/#/topics")
        chrome.sees("Token", "main")
