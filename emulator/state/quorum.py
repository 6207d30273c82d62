"""The controllers' quorum, which this node is all of: what it tells of itself, and who may join or leave (KIP-595, KIP-853).

Source: org.apache.kafka.raft.KafkaRaftClient and its handlers of 4.3.1.
"""

import base64

from emulator.state.cluster.ids import new_uuid, uuid_text
from emulator.state.features import KRAFT
from wire.errors import (
    DUPLICATE_VOTER, INCONSISTENT_CLUSTER_ID, INVALID_REQUEST, REQUEST_TIMED_OUT, UNSUPPORTED_VERSION, VOTER_NOT_FOUND, KafkaError,
)

NO_ID = bytes(16)
CONTROLLER = "CONTROLLER"  # what a combined node calls the listener of its controller


class Quorum:
    """One voter, always the leader, in its first epoch."""

    leader_epoch = 1

    def __init__(self, metadata, features, cluster, node_id, time, random):
        self._table = metadata.table("quorum")
        self._features = features
        self._cluster = cluster
        self._random = random
        self._time = time
        self.node_id = node_id

    @property
    def end_offset(self):
        """Of the metadata log; all of it is committed at once."""
        return self._cluster.metadata_offset

    @property
    def caught_up(self):
        """When the voter last had all of the log: the leader has it now."""
        return self._time.now()

    @property
    def dynamic(self):
        """Whether voters may come and go (kraft.version 1)."""
        return self._features.level(KRAFT) > 0

    @property
    def directory_id(self):
        """Of the voter's log; voters have one only where they may come and go."""
        if not self.dynamic:
            return NO_ID
        if "directory_id" not in self._table:
            self._table.put("directory_id", uuid_text(new_uuid(self._random)))
        return base64.urlsafe_b64decode(self._table["directory_id"] + "==")

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
        if voter_id == self.node_id:
            raise KafkaError(
                DUPLICATE_VOTER, f"The voter id for {_replica(voter_id, directory_id)} is already part of the set of voters [{self._self}]."
            )
        # What Kafka says of a voter that it cannot reach; other controllers are none of this node's business.
        raise KafkaError(REQUEST_TIMED_OUT, "Aborted add voter operation for since API_VERSIONS returned an error BROKER_NOT_AVAILABLE")

    def remove_voter(self, cluster_id, voter_id, directory_id):
        """Raises KafkaError, always: the last voter stays."""
        self._check(cluster_id, voter_id, directory_id, "Remove")
        if not self.dynamic:
            raise KafkaError(UNSUPPORTED_VERSION, "Cluster doesn't support removing voter because the kraft.version feature is 0")
        raise KafkaError(VOTER_NOT_FOUND, f"Cannot remove voter {_replica(voter_id, directory_id)} from the set of voters [{self._self}]")

    @property
    def _self(self):
        return _replica(self.node_id, self.directory_id)

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
