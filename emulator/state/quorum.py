"""The controllers' quorum, of which each broker is a voter: what it tells of itself, and who may join or leave (KIP-595, KIP-853).

Source: org.apache.kafka.raft.KafkaRaftClient and its handlers of 4.3.1.
"""

import base64
from collections import namedtuple

from emulator.state.cluster.ids import new_uuid, uuid_text
from emulator.state.features import KRAFT
from wire.errors import (
    DUPLICATE_VOTER, INCONSISTENT_CLUSTER_ID, INVALID_REQUEST, REQUEST_TIMED_OUT, UNSUPPORTED_VERSION, VOTER_NOT_FOUND, KafkaError,
)

NO_ID = bytes(16)
CONTROLLER = "CONTROLLER"  # what a combined node calls the listener of its controller


Voter = namedtuple("Voter", "id directory_id end_offset last_fetch_ms last_caught_up_ms")


class Quorum:
    """Every broker is a voter, too, as of combined nodes; `voter_ids`, the first of which is `node_id`.

    The controller is the leader. A voter that is up has all of the log, one that is lost what there was then.
    """

    def __init__(self, metadata, features, cluster, voter_ids, time, random):
        self._table = metadata.table("quorum")
        self._features = features
        self._cluster = cluster
        self._random = random
        self._time = time
        self.voter_ids = voter_ids
        self.node_id = voter_ids[0]
        self._lost = {}  # voter id -> (end offset, time) when it was last heard of

    @property
    def leader_id(self):
        return self._cluster.controller_id

    @property
    def leader_epoch(self):
        return self._cluster.controller_epoch

    def lost(self, voter_id):
        """It is gone, or hangs: it learns nothing more."""
        self._lost.setdefault(voter_id, (self.end_offset, self._time.now()))

    def found(self, voter_id):
        self._lost.pop(voter_id, None)

    @property
    def voters(self):
        """[Voter], by id."""
        now = self.end_offset, self._time.now()
        found = []
        for voter_id in self.voter_ids:
            end_offset, heard = now if voter_id == self.leader_id else self._lost.get(voter_id, now)
            found.append(Voter(voter_id, self.directory_of(voter_id), end_offset, heard, heard))
        return found

    @property
    def end_offset(self):
        """Of the metadata log; all of it is committed at once."""
        return self._cluster.metadata_offset

    @property
    def dynamic(self):
        """Whether voters may come and go (kraft.version 1)."""
        return self._features.level(KRAFT) > 0

    def directory_of(self, voter_id):
        """The id of the directory of a voter's log; voters have one only where they may come and go."""
        if not self.dynamic:
            return NO_ID
        key = "directory_id" if voter_id == self.node_id else f"directory_id:{voter_id}"
        if key not in self._table:
            self._table.put(key, uuid_text(new_uuid(self._random)))
        return base64.urlsafe_b64decode(self._table[key] + "==")

    def add_voter(self, cluster_id, voter_id, directory_id, listeners):
        """`listeners`: {name: (host, port)}. Raises KafkaError, always: no controller but this one can be part of it."""
        self._check(cluster_id, voter_id, directory_id, "Add")
        if CONTROLLER not in listeners:
            raise KafkaError(
                INVALID_REQUEST,
                f"Add voter request didn't include the endpoint ({_endpoints(listeners)}) for the default listener ListenerName({CONTROLLER})",
            )
        if not self.dynamic:
            raise KafkaError(UNSUPPORTED_VERSION, "Cluster doesn't support adding voter because the kraft.version feature is 0")
        if voter_id in self.voter_ids:
            raise KafkaError(
                DUPLICATE_VOTER, f"The voter id for {_replica(voter_id, directory_id)} is already part of the set of voters [{self._all}]."
            )
        # What Kafka says of a voter that it cannot reach; other controllers are none of this node's business.
        raise KafkaError(REQUEST_TIMED_OUT, "Aborted add voter operation for since API_VERSIONS returned an error BROKER_NOT_AVAILABLE")

    def remove_voter(self, cluster_id, voter_id, directory_id):
        """Raises KafkaError, always: the last voter stays, and each of several brokers is one."""
        self._check(cluster_id, voter_id, directory_id, "Remove")
        if not self.dynamic:
            raise KafkaError(UNSUPPORTED_VERSION, "Cluster doesn't support removing voter because the kraft.version feature is 0")
        if len(self.voter_ids) > 1 and voter_id in self.voter_ids and directory_id == self.directory_of(voter_id):
            raise KafkaError(UNSUPPORTED_VERSION, "Brokers of this emulator are voters for as long as they are registered")
        raise KafkaError(VOTER_NOT_FOUND, f"Cannot remove voter {_replica(voter_id, directory_id)} from the set of voters [{self._all}]")

    @property
    def _all(self):
        return ", ".join(_replica(voter_id, self.directory_of(voter_id)) for voter_id in self.voter_ids)

    def _check(self, cluster_id, voter_id, directory_id, what):
        known = self._cluster.cluster_id
        if cluster_id is not None and cluster_id != known:
            raise KafkaError(INCONSISTENT_CLUSTER_ID, f'The given id "{cluster_id}" doesn\'t match the cluster id "{known}"')
        if voter_id < 0 or directory_id == NO_ID:
            raise KafkaError(INVALID_REQUEST, f"{what} voter request didn't include a valid voter")


def _replica(node_id, directory_id):
    return f"ReplicaKey(id={node_id}, directoryId={uuid_text(directory_id)})"


def _endpoints(listeners):
    # As Java prints a map of unresolved addresses.
    shown = ", ".join(f"ListenerName({name})={host}/<unresolved>:{port}" for name, (host, port) in listeners.items())
    return f"Endpoints(endpoints={{{shown}}})"
