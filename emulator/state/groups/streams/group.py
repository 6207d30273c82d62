"""A streams group: members send heartbeats, the group decides who runs which task (KIP-1071).

A heartbeat goes through the same steps always: who is it, what has changed about it, does its topology go with the
topics there are, does any of that change the group (its epoch), is there a target for that epoch, how far may the
member go towards it. All of that is found out first and only then becomes the group's state: what is refused half
way has changed nothing.
Source: GroupMetadataManager.streamsGroupHeartbeat and what it calls, of Kafka 4.3.1.
"""

import logging

from emulator.state.groups.streams.assignor import Assignee, Load, assign
from emulator.state.groups.streams.endpoints import endpoints_of
from emulator.state.groups.streams.member import JOINING, NO_TASKS, MemberState, StreamsMember
from emulator.state.groups.timers import REBALANCE, Timers
from emulator.state.java import hash_order, string_hash
from emulator.state.groups.streams.messages import (
    ASSIGNMENT_DELAYED, SHUTDOWN_APPLICATION, STALE_TOPOLOGY, StreamsAnswer,
)
from emulator.state.groups.streams.reconcile import check_epoch, reconcile
from emulator.state.groups.streams.state import GroupState
from emulator.state.groups.streams.topology import Topology, configure
from wire import errors
from wire.errors import KafkaError

log = logging.getLogger(__name__)

STANDBY_REPLICAS = "num.standby.replicas"


class StreamsGroup(GroupState):
    """`environment`: a groups.environment.Environment. Methods raise KafkaError with Kafka's words."""

    type = "streams"
    protocol_type = "streams"

    def __init__(self, group_id, environment):
        super().__init__(group_id, lambda key, value: environment.write(group_id, key, value))
        self.env = environment
        self.timers = Timers(environment.time, environment.patience, self._session_expired)
        self.configured = None  # the topology against the topics, None until somebody asks
        self.endpoint_epoch = 0  # counts changes of who serves what
        self._topics_changed = True  # since the epoch was computed
        self._assigned_at = None  # on `patience`: when the target was computed
        self._delay = None  # the deadline of the initial rebalance
        self._wants_shutdown = None  # who asked for it first

    # -- StreamsGroupHeartbeat ---------------------------------------------------------------------

    def streams_heartbeat(self, beat, is_listed=True):
        """A StreamsHeartbeat with which nobody leaves; gives a StreamsAnswer.

        `is_listed`: there was a group of this id before.
        """
        before = self._heard_of(beat)
        member = _updated(before, beat)
        status = []
        topology = self._topology_of(beat)
        if self.topology is not None and member.topology_epoch < self.topology.epoch:
            status.append((
                STALE_TOPOLOGY,
                f"The member's topology epoch {member.topology_epoch} is behind the group's topology epoch {self.topology.epoch}.",
            ))  # fmt: skip
        metadata_hash, configured = self._configure(topology)
        validated = -1
        if configured.problem is None:
            validated = topology.epoch
            _check_tasks(beat, configured.subtopologies)
        configs = self.env.configs(self.group_id)
        assignment_configs = {STANDBY_REPLICAS: str(configs.streams_num_standby_replicas)}
        bump = (
            member != before
            or metadata_hash != self.metadata_hash
            or validated != self.validated_topology_epoch
            or assignment_configs != self.assignment_configs
        )
        epoch = self.group_epoch + bump
        begins = self.is_empty and self._delay is None and configs.streams_initial_rebalance_delay_ms > 0
        targets, target_epoch, target = None, self.assignment_epoch, self.target_of(member.member_id)
        if begins or self._delay is not None:
            target = NO_TASKS
            status.append((ASSIGNMENT_DELAYED, "Assignment delayed due to the configured initial rebalance delay."))
        elif self.assignment_epoch < epoch:
            if self._may_assign(configs):
                targets = self._targets(member, configured, assignment_configs)
                target_epoch, target = epoch, targets[member.member_id]
            else:
                status.append((ASSIGNMENT_DELAYED, "Assignment delayed due to the configured assignment interval."))
        moved = reconcile(member, target_epoch, target, beat.owned, self.holders)
        tells = beat.member_epoch == JOINING or moved.assigned != before.assigned
        endpoint_epoch = self.endpoint_epoch + (tells and moved.user_endpoint is not None)
        endpoints = None
        if endpoint_epoch != beat.endpoint_epoch:
            others = [one for one in hash_order(self.members, string_hash) if one != moved.member_id]
            endpoints = endpoints_of([*(self.members[one] for one in others), moved], configured.subtopologies, self._count_of)

        # From here on nothing is refused.
        if begins:
            self._delay = self.env.patience.after(configs.streams_initial_rebalance_delay_ms, self._delay_is_over)
        if member != before:
            self.put_metadata(member)
        if self.topology is None:
            self.set_topology(beat.topology)
        self._topics_changed = False
        if bump:
            self.set_epoch(epoch, metadata_hash, validated, assignment_configs)
        if targets is not None:
            self._set_targets(targets)
        if moved != member:
            self.put_progress(moved)
            self._watch_revocation(moved)
        self.timers.extend_session(moved.member_id, configs.streams_session_timeout_ms, beat.client)
        if configured.problem is not None:
            status.append(configured.problem)
        if beat.shutdown_application:
            self._shut_down(moved.member_id)
        if self._wants_shutdown is not None:
            status.append((
                SHUTDOWN_APPLICATION,
                f"Streams group member {self._wants_shutdown} encountered a fatal error and requested a shutdown for the entire"
                " application.",
            ))  # fmt: skip
        if is_listed:
            self.configured, self.endpoint_epoch = configured, endpoint_epoch
        else:
            # The heartbeat that makes a group works on one that Kafka throws away: only what is in records stays.
            self._topics_changed, self._wants_shutdown, endpoint_epoch = True, None, 0
        return StreamsAnswer(
            moved.member_id,
            moved.member_epoch,
            configs.streams_heartbeat_interval_ms,
            moved.assigned if tells else None,
            status,
            endpoint_epoch,
            endpoints,
            configured.missing,
        )

    def _heard_of(self, beat):
        """The member that this comes from as it is known, or a new one. Raises what it is fenced for."""
        if beat.member_epoch != JOINING:
            member = self.member(beat.member_id)
        else:
            most = self.env.settings.group_streams_max_size
            if len(self.members) >= most:
                raise KafkaError(
                    errors.GROUP_MAX_SIZE_REACHED, f"The streams group has reached its maximum capacity of {most} members."
                )
            member = self.members.get(beat.member_id) or StreamsMember(beat.member_id)
        check_epoch(member, beat.member_epoch, beat.owned)
        return member

    def _topology_of(self, beat):
        """The Topology that the group has after this heartbeat."""
        if beat.topology is None:
            return self.topology
        brought = Topology(beat.topology)
        if self.topology is None:
            return brought
        if self.topology.epoch <= brought.epoch and self.topology != brought:
            raise KafkaError(errors.INVALID_REQUEST, "Topology updates are not supported yet.")
        return self.topology

    def _configure(self, topology):
        """(hash of its topics, Configured)"""
        if self.topology is not None and self.configured is not None and not self._topics_changed:
            return self.metadata_hash, self.configured
        metadata_hash = self.env.topics.hash_of(topology.topics)
        if self.topology is None or self.configured is None or metadata_hash != self.metadata_hash:
            return metadata_hash, configure(topology, self._count_of)
        return metadata_hash, self.configured

    def _count_of(self, name):
        topics = self.env.topics
        topic_id = topics.id_of(name)
        return None if topic_id is None else topics.count_of(topic_id)

    # -- the target --------------------------------------------------------------------------------

    def _may_assign(self, configs):
        return self._assigned_at is None or self.env.patience.now() >= self._assigned_at + configs.streams_assignment_interval_ms

    def _targets(self, updated, configured, assignment_configs):
        """{member_id: Tasks} for the members as they are, with this one of them updated (None: as it is)."""
        members = dict(self.members)
        if updated is not None:
            members[updated.member_id] = updated
        ids = hash_order(members, string_hash)
        if configured.problem is not None:
            return dict.fromkeys(ids, NO_TASKS)
        assignees = {one: Assignee(members[one].process_id, *self.target_of(one)[:2]) for one in ids}
        loads = {one: Load(each.tasks, bool(each.changelogs)) for one, each in configured.subtopologies.items()}
        return assign(assignees, loads, int(assignment_configs.get(STANDBY_REPLICAS, 0)))

    def _set_targets(self, targets):
        for member_id, target in targets.items():
            self.set_target(member_id, target)
        self._assigned_at = self.env.patience.now()
        self.set_assignment_epoch(self.group_epoch, self.env.time.now())
        log.info("group %s: target of epoch %d", self.group_id, self.group_epoch)

    def _delay_is_over(self):
        self._delay = None
        if self.members and self.configured is not None and self.group_epoch > self.assignment_epoch:
            with self.env.batch:
                self._set_targets(self._targets(None, self.configured, self.assignment_configs))

    def _watch_revocation(self, member):
        member_id, epoch = member.member_id, member.member_epoch
        if member.state != MemberState.UNREVOKED_TASKS:
            self.timers.cancel(REBALANCE, member_id)
            return

        def due():
            if member_id in self.members and self.members[member_id].member_epoch == epoch:
                log.info("group %s: member %s did not leave epoch %d in time", self.group_id, member_id, epoch)
                self.fence(member_id)

        self.timers.wait(REBALANCE, member_id, member.rebalance_timeout_ms, due)

    def topic_changed(self, name):
        """A topic was made, deleted, or got partitions."""
        if self.needs(name):
            self._topics_changed = True

    def _shut_down(self, member_id):
        if self._wants_shutdown is None:
            log.info("group %s: member %s wants the application to shut down", self.group_id, member_id)
            self._wants_shutdown = member_id

    # -- leaving -----------------------------------------------------------------------------------

    def streams_leave(self, beat):
        """A heartbeat with which a member leaves."""
        if beat.shutdown_application:
            self._shut_down(beat.member_id)
        member = self.member(beat.member_id)
        log.info("group %s: member %s leaves", self.group_id, member.member_id)
        self.fence(member.member_id)
        return StreamsAnswer(beat.member_id, beat.member_epoch)

    def fence(self, member_id):
        """A member is out."""
        with self.env.batch:
            self.drop_member(member_id)
            self.timers.forget(member_id)
            self.set_epoch(self.group_epoch + 1, self.metadata_hash, self.validated_topology_epoch, self.assignment_configs)
            if not self.members:
                self._wants_shutdown = None

    def _session_expired(self, member_id):
        if member_id in self.members:
            log.info("group %s: the session of member %s expired", self.group_id, member_id)
            self.fence(member_id)

    # -- what the coordinator asks -----------------------------------------------------------------

    def check_offset_commit(self, member_id, group_instance_id, member_epoch, version=9, transactional=False):
        """Raise unless this member may commit now; gives None, or check(topic_id, partition) for each partition."""
        if member_epoch < 0 and not self.members:
            return None
        if transactional and member_epoch == -1 and not member_id and group_instance_id is None:
            return None
        member = self.member(member_id)
        if not transactional and version < 9:
            raise KafkaError(errors.UNSUPPORTED_VERSION)
        if member_epoch == member.member_epoch:
            return None
        if member_epoch > member.member_epoch or self.topology is None:
            raise KafkaError(errors.STALE_MEMBER_EPOCH)

        def check(topic_id, partition):
            subtopology_id = self.topology.by_source.get(self.env.topics.name_of(topic_id))
            since = member.holds_active(subtopology_id, partition)
            if since is None or member_epoch < since:
                raise KafkaError(errors.STALE_MEMBER_EPOCH)

        return check

    def check_offset_fetch(self, member_id, member_epoch):
        if member_id is None and member_epoch < 0:
            return
        if member_epoch != self.member(member_id).member_epoch:
            raise KafkaError(errors.STALE_MEMBER_EPOCH)

    def resume(self):
        """The group was rebuilt from its records: sessions start now, revocations are waited for anew."""
        for member in self.members.values():
            self.timers.extend_session(member.member_id, self.env.configs(self.group_id).streams_session_timeout_ms)
            self._watch_revocation(member)

    def close(self, error=None):
        super().close(error)
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None


def _updated(member, beat):
    return member._replace(
        rack_id=_said(beat.rack_id, member.rack_id),
        rebalance_timeout_ms=member.rebalance_timeout_ms if beat.rebalance_timeout_ms == -1 else beat.rebalance_timeout_ms,
        topology_epoch=member.topology_epoch if beat.topology is None else beat.topology.epoch,
        client_id=beat.client_id,
        client_host=beat.client_host,
        process_id=_said(beat.process_id, member.process_id),
        client_tags=_said(beat.client_tags, member.client_tags),
        user_endpoint=_said(beat.user_endpoint, member.user_endpoint),
    )


def _said(value, before):
    return before if value is None else value


def _check_tasks(beat, subtopologies):
    """Raise KafkaError INVALID_REQUEST for tasks that the topology has not got."""
    for tasks in (beat.active_tasks, beat.standby_tasks, beat.warmup_tasks):
        for subtopology_id, partitions in tasks or ():
            subtopology = subtopologies.get(subtopology_id)
            if subtopology is None:
                raise KafkaError(errors.INVALID_REQUEST, f"Subtopology {subtopology_id} does not exist in the topology.")
            for partition in partitions:
                if not 0 <= partition < subtopology.tasks:
                    raise KafkaError(
                        errors.INVALID_REQUEST,
                        f"Task {partition} for subtopology {subtopology_id} is invalid. Number of tasks for this subtopology:"
                        f" {subtopology.tasks}",
                    )
