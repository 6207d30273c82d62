"""ACLs outlive a restart, and one request changes a bounded number of them."""

from random import Random

import pytest

from emulator.state.acls import Acl, Acls, Filter
from emulator.state.metadata import Metadata
from wire.errors import KafkaError

ALL = Filter(1, None, 1, None, None, 1, 1)


def acl(name):
    return Acl(2, name, 3, "User:a", "*", 3, 3)


def test_they_are_there_after_a_restart():
    metadata = Metadata()
    acls = Acls(metadata, Random(1))
    acls.create([acl("a"), acl("b")])
    acls.delete([ALL._replace(resource_name="a")])
    again = Metadata()
    again.load(metadata.entries())
    assert Acls(again, Random(1)).find(ALL) == [acl("b")]


def test_no_more_than_ten_thousand_are_removed_at_once():
    acls = Acls(Metadata(), Random(1))
    acls.create([acl(f"a{i}") for i in range(10_000)])
    acls.create([acl("one more")])
    with pytest.raises(KafkaError, match="Cannot remove more than 10000 acls in a single delete operation."):
        acls.delete([ALL])
    assert len(acls) == 10_001
    assert len(acls.delete([ALL._replace(resource_name="a1"), ALL._replace(resource_name="a2")])) == 2
    assert len(acls) == 9_999
