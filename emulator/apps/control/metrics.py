"""Metrics for Prometheus: what is counted of requests, and what stands in the cluster when somebody looks.

Of partitions and groups they have the names and labels that kafka_exporter gives them, so that its dashboards and alerts work here.
"""

from collections import defaultdict

from emulator import __version__
from emulator.apps.addresses import reached_at
from emulator.apps.control.exposition import KIND, Metric, lines_of
from emulator.apps.control.groups import all_groups, members_of, offsets
from emulator.apps.control.measures import begin_measuring, error_name
from emulator.apps.control.process import process_metrics
from emulator.apps.control.table import Route, Stream
from emulator.pipeline.measure import BOUNDS_NS
from emulator.runtime.broker import RUNNING
from emulator.runtime.turns import Turns

_LINES_AT_ONCE = 500
_NANOS = 1e9


def show(server, asked):
    begin_measuring(server)
    return Stream(_pieces(server), KIND)


def _pieces(server):
    turns, lines = Turns(), []
    for metric in METRICS:
        for line in lines_of(metric, server):
            lines.append(line)
            if len(lines) >= _LINES_AT_ONCE:
                yield ("\n".join(lines) + "\n").encode("utf-8", "replace")
                lines.clear()
                turns.over()
    yield ("\n".join(lines) + "\n").encode("utf-8", "replace")


# Requests ---------------------------------------------------------------------------------------


def _counted(what):
    """{(broker, API): sum over its versions}"""

    def samples(server):
        sums = defaultdict(int)
        for counts in begin_measuring(server).values():
            sums[counts.broker, counts.api] += getattr(counts, what)
        return [(*key, value / _NANOS if what.endswith("_ns") else value) for key, value in sums.items()]

    return samples


def _requests(server):
    return [(one.broker, one.api, one.version, one.requests) for one in begin_measuring(server).values()]


def _durations(server):
    buckets, sums = {}, defaultdict(int)
    for one in begin_measuring(server).values():
        key = one.broker, one.api
        buckets[key] = [a + b for a, b in zip(buckets.get(key) or [0] * len(one.buckets), one.buckets)]
        sums[key] += one.took_ns
    bounds = [bound / _NANOS for bound in BOUNDS_NS]
    return [(*key, (bounds, counts, sums[key] / _NANOS)) for key, counts in buckets.items()]


def _errors(server):
    sums = defaultdict(int)
    for one in begin_measuring(server).values():
        for code, count in one.errors.items():
            sums[one.broker, one.api, code] += count
    return [(broker, api, error_name(code), count) for (broker, api, code), count in sums.items()]


def _connections(server):
    counts = defaultdict(int)
    for broker in server.brokers.values():
        counts.update({(broker.id, name): 0 for name, _, _ in broker.bound if (broker.id, name) not in counts})
        for connection in broker.connections:
            counts[broker.id, connection.call.listener] += 1
    return [(*key, count) for key, count in counts.items()]


# Brokers ----------------------------------------------------------------------------------------


def _of_brokers(value):
    return lambda server: [(broker.id, int(value(server, broker))) for broker in server.brokers.values()]


def _is_fenced(server, broker):
    registered = server.cluster.brokers.get(broker.id)
    return registered is None or registered.fenced


# Partitions -------------------------------------------------------------------------------------


def _of_partitions(value):
    def samples(server):
        for topic in list(server.cluster.topics.values()):
            for one in topic.partitions:
                if (found := value(one)) is not None:
                    yield topic.name, one.index, found

    return samples


def _of_replicas(value):
    def samples(server):
        for topic in list(server.cluster.topics.values()):
            for one in topic.partitions:
                for broker, log in list(one.logs.items()):
                    yield topic.name, one.index, broker, value(one, log)

    return samples


# Groups -----------------------------------------------------------------------------------------


def _groups(server):
    return [(group.group_id, len(members_of(group))) for _, _, group in all_groups(server)]


def _group_states(server):
    return [(group.group_id, group.type.capitalize(), str(group.state), 1) for _, _, group in all_groups(server)]


def _of_offsets(what):
    def samples(server):
        for _, groups, group in all_groups(server):
            for one in offsets(server.cluster, groups, group):
                if one[what] is not None:
                    yield group.group_id, one["topic"], one["partition"], one[what]

    return samples


def _sums_of_offsets(what):
    def samples(server):
        for _, groups, group in all_groups(server):
            sums = defaultdict(int)
            for one in offsets(server.cluster, groups, group):
                sums[one["topic"]] += one[what] or 0
            for topic, total in sums.items():
                yield group.group_id, topic, total

    return samples


# ------------------------------------------------------------------------------------------------

_API = ("broker", "api")
_PARTITION = ("topic", "partition")
_OFFSET = ("consumergroup", "topic", "partition")

METRICS = (
    Metric("kafka_emulator_info", "gauge", "What it is: 1", ("version", "cluster_id"), lambda server: [(__version__, server.cluster.cluster_id, 1)]),
    Metric("kafka_emulator_requests_total", "counter", "Requests of clients", (*_API, "version"), _requests),
    Metric("kafka_emulator_requests_under_way", "gauge", "Requests that are not answered yet", _API, _counted("under_way")),
    Metric("kafka_emulator_requests_unanswered_total", "counter", "Requests without an answer: Produce with acks=0, closed connections", _API,
           _counted("unanswered")),
    Metric("kafka_emulator_errors_total", "counter", "Errors in answers, of each partition and so on for itself", (*_API, "error"), _errors),
    Metric("kafka_emulator_request_bytes_total", "counter", "Bytes of requests, with their headers", _API, _counted("request_bytes")),
    Metric("kafka_emulator_response_bytes_total", "counter", "Bytes of answers, with their headers", _API, _counted("response_bytes")),
    Metric("kafka_emulator_request_duration_seconds", "histogram", "From a request's arrival until its answer is there, long polls and joins included",
           _API, _durations),
    Metric("kafka_emulator_request_waiting_seconds_total", "counter", "Of that, the time spent waiting for something to answer", _API, _counted("waited_ns")),
    Metric("kafka_emulator_fault_hits_total", "counter", "How often a fault has happened", ("fault",),
           lambda server: [(fault.name, fault.hits) for fault in server.faults]),
    Metric("kafka_emulator_connections", "gauge", "Connections of clients that are open", ("broker", "listener"), _connections),
    Metric("kafka_emulator_broker_running", "gauge", "1 for a broker whose process runs and is not frozen", ("broker",),
           _of_brokers(lambda server, broker: broker.state == RUNNING)),
    Metric("kafka_emulator_broker_fenced", "gauge", "1 for a broker that the controller has given up", ("broker",), _of_brokers(_is_fenced)),
    Metric("kafka_emulator_controller", "gauge", "1 for the broker that is the controller", ("broker",),
           _of_brokers(lambda server, broker: broker.id == server.cluster.controller_id)),
    Metric("kafka_brokers", "gauge", "Brokers that take part", (), lambda server: [(sum(not one.fenced for one in server.cluster.brokers.values()),)]),
    Metric("kafka_broker_info", "gauge", "Brokers, each with its id as the value", ("id", "address"),
           lambda server: [(broker.id, reached_at(broker), broker.id) for broker in server.brokers.values()]),
    Metric("kafka_topic_partitions", "gauge", "Partitions of a topic", ("topic",),
           lambda server: [(topic.name, len(topic.partitions)) for topic in server.cluster.topics.values()]),
    Metric("kafka_topic_partition_current_offset", "gauge", "The high watermark: where consumers end", _PARTITION,
           _of_partitions(lambda one: one.log.high_watermark)),
    Metric("kafka_topic_partition_oldest_offset", "gauge", "The first offset that is there", _PARTITION, _of_partitions(lambda one: one.log.log_start_offset)),
    Metric("kafka_topic_partition_leader", "gauge", "The broker that leads it, -1 for none", _PARTITION, _of_partitions(lambda one: one.leader)),
    Metric("kafka_topic_partition_leader_is_preferred", "gauge", "1 where the first of its replicas leads it", _PARTITION,
           _of_partitions(lambda one: int(bool(one.replicas) and one.leader == one.replicas[0]))),
    Metric("kafka_topic_partition_replicas", "gauge", "Replicas it should have", _PARTITION, _of_partitions(lambda one: len(one.replicas))),
    Metric("kafka_topic_partition_in_sync_replica", "gauge", "Replicas in sync", _PARTITION, _of_partitions(lambda one: len(one.isr))),
    Metric("kafka_topic_partition_under_replicated_partition", "gauge", "1 where fewer are in sync", _PARTITION,
           _of_partitions(lambda one: int(len(one.isr) < len(one.replicas)))),
    Metric("kafka_emulator_partition_leader_epoch", "gauge", "Grows with every election", _PARTITION, _of_partitions(lambda one: one.leader_epoch)),
    Metric("kafka_emulator_log_end_offset", "gauge", "The end of a replica's log, what is not replicated yet included", (*_PARTITION, "broker"),
           _of_replicas(lambda partition, log: log.end_offset)),
    Metric("kafka_emulator_log_bytes", "gauge", "Size of a replica's log", (*_PARTITION, "broker"), _of_replicas(lambda partition, log: log.size)),
    Metric("kafka_emulator_replica_lag", "gauge", "Records that a replica's log lacks", (*_PARTITION, "broker"),
           _of_replicas(lambda partition, log: max(partition.log.end_offset - log.end_offset, 0))),
    Metric("kafka_consumergroup_members", "gauge", "Members of a group", ("consumergroup",), _groups),
    Metric("kafka_emulator_group_state", "gauge", "1 for the state that a group is in", ("consumergroup", "type", "state"), _group_states),
    Metric("kafka_consumergroup_current_offset", "gauge", "What a group has committed", _OFFSET, _of_offsets("offset")),
    Metric("kafka_consumergroup_lag", "gauge", "Records between that and the high watermark", _OFFSET, _of_offsets("lag")),
    Metric("kafka_consumergroup_current_offset_sum", "gauge", "What it has committed, of all partitions of a topic together", ("consumergroup", "topic"),
           _sums_of_offsets("offset")),
    Metric("kafka_consumergroup_lag_sum", "gauge", "Its lag, of all partitions of a topic together", ("consumergroup", "topic"), _sums_of_offsets("lag")),
    Metric("kafka_emulator_record_memory_bytes", "gauge", "Memory that records take, without a data directory", (),
           lambda server: [] if server.memory is None else [(server.memory.used,)]),
    Metric("kafka_emulator_record_memory_max_bytes", "gauge", "Memory that they may take", (),
           lambda server: [] if server.memory is None else [(server.memory.limit,)]),
    Metric("kafka_emulator_clock_seconds", "gauge", "What the server's clock shows, since the epoch", (), lambda server: [(server.time.now() / 1000,)]),
    *process_metrics(),
)  # fmt: skip

ROUTES = (Route("GET", "/metrics", show, "metrics for Prometheus; docs/metrics.md names them. Requests are counted since the control port is open, "
                "or since this is first asked over the Unix socket", kind="text/plain"),)  # fmt: skip
