"""zkCli.sh's program, real ZooKeeper's own, on a server of ours and on a real one: it prints what is in expected/zookeeper/zkcli.txt."""

import re
import shutil
import subprocess

import pytest
from zookeeper_servers import HERE, JARS, JVM, Servers

pytestmark = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no ZooKeeper: tests/compat/setup brings it")

TYPED = """\
ls /
whoami
create /a hello
create -s /a/s- one
create -e /a/e eph
create -c /c
create -t 1000 /t x
create /a again
create /no/where x
ls -s /a
ls -R /
get -s /a
get /none
set -s /a world
set -v 0 /a stale
stat /a
delete /a
delete -v 7 /c
delete /c
getAcl -s /a
addauth digest me:secret
create /mine secret auth::cdrwa
getAcl /mine
setAcl /mine world:anyone:r
get /mine
set /mine x
setquota -n 2 /a
setquota -b 100 /a
listquota /a
create /a/third x
delquota /a
listquota /a
sync /a
getEphemerals
getAllChildrenNumber /a
config
version
get -w /a
set /a event
addWatch -m PERSISTENT_RECURSIVE /a
create /a/w x
removewatches /a
deleteall /a
ls /
nonsense
reconfig -remove 1
close
ls /
quit
"""


def session(servers):
    """What it prints, then what events it saw: one may come while the next command prints; and what it says to stderr."""
    [cli] = (JARS.parent / "kafka-3.9.1").glob("commons-cli-*.jar")
    done = subprocess.run(["java", *JVM, "-cp", f"{servers.directory / '0'}:{JARS}/*:{cli}", "org.apache.zookeeper.ZooKeeperMain",
                           "-server", servers.hosts()], input=TYPED, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    text = re.sub(r"(?m)time = .*$", "time = WHEN", done.stdout.replace(servers.hosts(), "HOST"))
    lines = [line for line in text.splitlines() if line and line != "WATCHER::" and " INFO " not in line]
    is_event = re.compile("WatchedEvent ").match
    printed = [line for line in lines if not is_event(line)]
    return "\n".join([*printed, "-- events", *sorted(filter(is_event, lines)), "-- stderr", done.stderr.replace("\t", "    ")])


@pytest.mark.parametrize("kind", ["ours", pytest.param("real", marks=pytest.mark.soak)])
def test_zkcli_prints_what_it_prints_on_a_real_server(tmp_path, kind):
    with Servers(tmp_path, {0: kind}, tick_ms=2000) as servers:
        assert session(servers) == (HERE / "expected" / "zookeeper" / "zkcli.txt").read_text()
