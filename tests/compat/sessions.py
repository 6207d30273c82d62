"""What people type into the stock tools, as sessions: record.py writes what Apache Kafka prints, test_cli.py compares."""

import time

SESSIONS = {}
SETTINGS = {}  # session -> {config, dots as underscores: value} of the server that it needs for itself


def session(function):
    SESSIONS[function.__name__] = function
    return function


_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def on_a_server_with(**settings):
    """For sessions that the common server will not do for."""

    def on(function):
        SETTINGS[function.__name__] = settings
        return function

    return on


def filled(sh, prefix, lines, partitions=1):
    """A topic with these lines in it, made without a trace in the transcript."""
    topic = sh.name(prefix)
    before = list(sh.lines)
    sh.run(f"kafka-topics.sh --create --partitions {partitions} --topic {topic}")
    sh.run(f"kafka-topics.sh --describe --topic {topic}", until=f"Partition: {partitions - 1}\tLeader: 1")
    sh.run(f"kafka-console-producer.sh --topic {topic} --reader-property parse.key=true --reader-property key.separator=:",
           stdin="".join(f"{line}\n" for line in lines))
    sh.lines = before
    return topic


@session
def first_light(sh):
    test = sh.name("test")
    sh.run(f"kafka-topics.sh --create --replication-factor 1 --partitions 1 --topic {test}")
    sh.run(f"kafka-topics.sh --describe --topic {test}", until="Leader: 1")
    sh.run(f"kafka-console-producer.sh --topic {test}", stdin="hello\nworld\n\nüñïcödé\n")
    sh.run(f"kafka-console-consumer.sh --topic {test} --from-beginning", interrupt_after=4)


@session
def topics_created(sh):
    topic = sh.name("orders")
    sh.run(f"kafka-topics.sh --create --topic {topic} --partitions 3 --config retention.ms=60000 --config cleanup.policy=compact")
    sh.run(f"kafka-topics.sh --describe --topic {topic}", until="Partition: 2\tLeader: 1")
    sh.run(f"kafka-topics.sh --create --topic {topic}")
    sh.run(f"kafka-topics.sh --create --topic {topic} --if-not-exists")
    sh.run(f"kafka-topics.sh --create --topic {sh.name('defaults')}")
    sh.run(f"kafka-topics.sh --describe --topic {sh.name('defaults')}", until="Leader: 1")
    sh.run(f"kafka-topics.sh --create --topic {sh.name('assigned')} --replica-assignment 1,1")
    sh.run(f"kafka-topics.sh --describe --topic {sh.name('assigned')}", until="Partition: 1\tLeader: 1")
    sh.run(f"kafka-topics.sh --list --topic '.*-{sh.suffix}'")


@session
def topics_refused(sh):
    topic = sh.name("refused")
    sh.run(f"kafka-topics.sh --create --topic {topic} --replication-factor 3")
    sh.run(f"kafka-topics.sh --create --topic {topic} --partitions 0")
    sh.run(f"kafka-topics.sh --create --topic {topic} --replica-assignment 7")
    sh.run(f"kafka-topics.sh --create --topic {topic} --replica-assignment 1:1")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config no.such.config=1")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config retention.ms=soon")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config cleanup.policy=burn")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config max.message.bytes=-1")
    sh.run("kafka-topics.sh --create --topic 'white space'")
    sh.run("kafka-topics.sh --create --topic ..")
    sh.run(f"kafka-topics.sh --create --topic {'x' * 250}")
    sh.run(f"kafka-topics.sh --create --topic a.b-{sh.suffix}")
    sh.run(f"kafka-topics.sh --create --topic a_b-{sh.suffix}")


@session
def topics_altered_and_deleted(sh):
    topic, unknown = sh.name("grows"), sh.name("unknown")
    sh.run(f"kafka-topics.sh --create --topic {topic}")
    sh.run(f"kafka-topics.sh --alter --topic {topic} --partitions 3")
    sh.run(f"kafka-topics.sh --describe --topic {topic}", until="Partition: 2\tLeader: 1")
    sh.run(f"kafka-topics.sh --alter --topic {topic} --partitions 2")
    sh.run(f"kafka-topics.sh --alter --topic {topic} --partitions 3")
    sh.run(f"kafka-topics.sh --alter --topic {unknown} --partitions 3")
    sh.run(f"kafka-topics.sh --alter --topic {unknown} --partitions 3 --if-exists")
    sh.run(f"kafka-topics.sh --describe --topic {unknown}")
    sh.run(f"kafka-topics.sh --describe --topic {unknown} --if-exists")
    sh.run("kafka-topics.sh --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ")
    sh.run(f"kafka-topics.sh --describe --topic {topic} --under-replicated-partitions")
    sh.run(f"kafka-topics.sh --delete --topic {topic}")
    sh.run(f"kafka-topics.sh --list --topic {topic}")
    sh.run(f"kafka-topics.sh --delete --topic {topic}")
    sh.run(f"kafka-topics.sh --delete --topic {topic} --if-exists")


@session
def keys_headers_and_nulls(sh):
    topic = sh.name("records")
    sh.run(f"kafka-topics.sh --create --partitions 2 --topic {topic}")
    sh.run(f"kafka-console-producer.sh --topic {topic} --reader-property parse.key=true --reader-property parse.headers=true "
           "--reader-property null.marker=NULL --reader-property headers.delimiter=| --reader-property key.separator=:",
           stdin="a:1,b:2|key1:value1\nNULL|key1:NULL\nn:NULL|key1:null header\nNULL|key2:\nx:y|key2:last\n")
    for partition, count in ((0, 3), (1, 2)):  # key1 and key2 fall there
        sh.run(f"kafka-console-consumer.sh --topic {topic} --partition {partition} --offset earliest --max-messages {count} "
               "--formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.timestamp=true "
               "--formatter-property print.offset=true --formatter-property print.partition=true "
               "--formatter-property print.value=true --formatter-property null.literal=(null)")


@session
def consumers_positions(sh):
    topic = filled(sh, "positions", [f"k:{i}" for i in range(10)])
    consume = f"kafka-console-consumer.sh --topic {topic}"
    sh.run(f"{consume} --from-beginning --max-messages 3")
    sh.run(f"{consume} --partition 0 --offset 7 --max-messages 3")
    sh.run(f"{consume} --partition 0 --offset earliest --max-messages 2")
    sh.run(f"{consume} --partition 0 --offset latest --timeout-ms 1000")
    sh.run(f"{consume} --partition 0 --offset 1000 --timeout-ms 1000")
    sh.run(f"{consume} --partition 9 --offset earliest --timeout-ms 1000")
    sh.run(f"{consume} --from-beginning --isolation-level read_committed --max-messages 10")


@session
def producers_options(sh):
    topic = sh.name("options")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config max.message.bytes=2000")
    produce = f"kafka-console-producer.sh --topic {topic}"
    sh.run(f"{produce} --compression-codec zstd --request-required-acks 1", stdin="zstd\n" * 3)
    sh.run(f"{produce} --compression-codec snappy --request-required-acks 0 --sync", stdin="snappy\n")
    sh.run(f"{produce} --command-property enable.idempotence=true --command-property linger.ms=50", stdin="gzip\n")
    sh.run(produce, stdin="x" * 3000 + "\n")
    sh.run(f"{produce} --reader-property parse.key=true", stdin="no separator\n")
    sh.run(f"kafka-console-consumer.sh --topic {topic} --from-beginning --max-messages 5")
    large = sh.name("large")
    sh.run(f"kafka-topics.sh --create --topic {large}")
    sh.run(f"kafka-console-producer.sh --topic {large}", stdin="x" * 2_000_000 + "\n")
    sh.run(f"kafka-console-producer.sh --topic {large} --max-block-ms 60000 --command-property max.request.size=3000000",
           stdin="x" * 2_000_000 + "\n")


@session
def unknown_topics(sh):
    automatic = sh.name("automatic")
    sh.run(f"kafka-console-producer.sh --topic {automatic}", stdin="first\n")
    sh.run(f"kafka-topics.sh --describe --topic {automatic}", until="Leader: 1")
    sh.run(f"kafka-console-consumer.sh --topic {automatic} --from-beginning --max-messages 1")
    consumed = sh.name("consumed")
    sh.run(f"kafka-console-consumer.sh --topic {consumed} --from-beginning --timeout-ms 3000")
    sh.run(f"kafka-topics.sh --describe --topic {consumed}", until="Leader: 1")
    sh.run(f"kafka-console-consumer.sh --topic {sh.name('none')} --timeout-ms 3000 "
           "--command-property allow.auto.create.topics=false")
    sh.run("kafka-console-producer.sh --topic 'not a name'", stdin="x\n")


@session
def groups_with_members(sh):
    topic, group = filled(sh, "work", [f"k:{i}" for i in range(10)], partitions=2), sh.name("group")
    member = sh.start(f"kafka-console-consumer.sh --topic {topic} --group {group} --from-beginning "
                      "--command-property heartbeat.interval.ms=300 --command-property auto.commit.interval.ms=100")
    groups = "kafka-consumer-groups.sh"
    sh.run(f"{groups} --describe --group {group}", until=r" 10 +10 +0 (.*\n)+.* 0 +0 +0 ")
    sh.run(f"{groups} --describe --group {group} --members", until=" 2 ")
    sh.run(f"{groups} --describe --group {group} --members --verbose")
    sh.run(f"{groups} --describe --group {group} --state")
    sh.run(f"{groups} --list", only=True)
    sh.run(f"{groups} --list --state", only=True)
    sh.run(f"{groups} --list --state Empty", only=True)
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --reset-offsets --to-earliest --group {group} --topic {topic} --execute")
    sh.stop(member)
    sh.run(f"{groups} --describe --group {group} --state", until="Empty")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{groups} --describe --group {group} --members")
    sh.run(f"{groups} --list --state Empty", only=True)
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{groups} --delete --group {group}")


@session
def groups_of_the_consumer_protocol(sh):
    topic, group = filled(sh, "work", [f"k:{i}" for i in range(10)], partitions=2), sh.name("group")
    groups, member = "kafka-consumer-groups.sh", "kafka-console-consumer.sh --command-property group.protocol=consumer"
    running = sh.start(f"{member} --topic {topic} --group {group} --from-beginning --command-property auto.commit.interval.ms=100")
    sh.run(f"{groups} --describe --group {group}", until=r" 10 +10 +0 (.*\n)+.* 0 +0 +0 ")
    sh.run(f"{groups} --describe --group {group} --offsets --verbose")
    sh.run(f"{groups} --describe --group {group} --members")
    sh.run(f"{groups} --describe --group {group} --members --verbose")
    sh.run(f"{groups} --describe --group {group} --state")
    sh.run(f"{groups} --describe --group {group} --state --verbose")
    sh.run(f"{groups} --list --type consumer", only=True)
    sh.run(f"{groups} --list --type classic", only=True)
    sh.run(f"{groups} --list --state stable", only=True)
    sh.run("kafka-groups.sh --list --consumer", only=True)
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --delete-offsets --group {group} --topic {topic}")
    sh.run(f"{groups} --reset-offsets --to-earliest --group {group} --topic {topic} --execute")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --alter --add-config consumer.heartbeat.interval.ms=6000")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --describe", until="6000")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --alter --add-config consumer.session.timeout.ms=1")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --alter --delete-config consumer.heartbeat.interval.ms")
    sh.stop(running)
    sh.run(f"{groups} --describe --group {group} --state", until="Empty")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{member} --include '{topic}.*' --group {group}-2 --from-beginning --max-messages 10")
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --describe --group {group}")


@session
def streams_groups(sh):
    lines, counts = filled(sh, "lines", ["a:one two", "b:two", "c:one", "d:two three"], partitions=2), filled(sh, "counts", [])
    group, groups = sh.name("words"), "kafka-streams-groups.sh"
    member = sh.start(f"kafka WordCount {lines} {counts} application.id={group} group.protocol=streams commit.interval.ms=100")
    sh.run(f"{groups} --describe --group {group}", until=r"(?:\S+ +\S+ +\d +0 *\n){4}", sort=True)
    sh.run(f"{groups} --describe --group {group} --verbose", sort=True)
    sh.run(f"{groups} --describe --group {group} --members")
    sh.run(f"{groups} --describe --group {group} --members --verbose")
    sh.run(f"{groups} --describe --group {group} --state", until="Stable")
    sh.run(f"{groups} --describe --group {group} --state --verbose")
    sh.run(f"{groups} --list", only=True)
    sh.run(f"{groups} --list --state", only=True)
    sh.run(f"kafka-configs.sh --alter --entity-type groups --entity-name {group} --add-config streams.num.standby.replicas=3")
    sh.run(f"{groups} --delete --group {group}")
    sh.stop(member)
    sh.run(f"{groups} --describe --group {group} --state", until="Empty")
    sh.run(f"{groups} --describe --group {group} --members")
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --describe --group {group}")


@session
def groups_offsets(sh):
    topic, group = filled(sh, "work", [f"k:{i}" for i in range(10)]), sh.name("group")
    groups = "kafka-consumer-groups.sh"
    sh.run(f"kafka-console-consumer.sh --topic {topic} --group {group} --from-beginning --max-messages 4")
    sh.run(f"kafka-console-consumer.sh --topic {topic} --group {group} --max-messages 3")
    sh.run(f"{groups} --describe --group {group} --state", until="Empty")
    sh.run(f"{groups} --describe --group {group} --offsets", until=" 7 +10 +3 ")
    reset = f"{groups} --reset-offsets --group {group} --topic {topic}"
    sh.run(f"{reset} --to-earliest --dry-run")
    sh.run(f"{reset} --to-earliest --execute")
    sh.run(f"{reset} --to-latest --execute")
    sh.run(f"{reset} --shift-by -3 --execute")
    sh.run(f"{reset} --to-offset 1000 --execute")
    sh.run(f"{reset} --to-datetime 2020-01-01T00:00:00.000 --execute")
    sh.run(f"{reset} --to-datetime 2100-01-01T00:00:00.000 --execute")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {topic}:0 --to-offset 5 --execute --export")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {sh.name('unknown')} --to-earliest --execute")
    sh.run(f"{groups} --delete-offsets --group {group} --topic {topic}")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{groups} --describe --group {sh.name('nobody')}")
    sh.run(f"{groups} --delete --group {sh.name('nobody')}")
    sh.run(f"{groups} --reset-offsets --group {sh.name('fresh')} --topic {topic} --to-latest --execute")
    sh.run(f"{groups} --describe --group {sh.name('fresh')}")


@session
def groups_as_records(sh):
    """What the coordinator writes into __consumer_offsets, read with the formatters that Kafka has for it.

    Of topics with one partition: the order of several is that of the client's hash map.
    """
    topic, group = filled(sh, "work", [f"k:{i}" for i in range(10)]), sh.name("stored")
    consume, groups = f"kafka-console-consumer.sh --topic {topic}", "kafka-consumer-groups.sh"
    sh.run(f"{consume} --group {group} --from-beginning --max-messages 4")
    sh.run(f"{groups} --describe --group {group} --state", until="Empty")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {topic} --to-latest --execute")
    sh.run(f"{consume} --group {group} --timeout-ms 1000 --command-property group.instance.id=instance")
    sh.run(f"{groups} --delete-offsets --group {group} --topic {topic}:0 --timeout 60000")
    internal = f"kafka-console-consumer.sh --topic __consumer_offsets --partition {coordinating_partition(group)} --offset earliest"
    formatter = "--timeout-ms 2000 --formatter org.apache.kafka.tools.consumer"
    for kind in ("OffsetsMessageFormatter", "GroupMetadataMessageFormatter"):
        sh.run(f"{internal} {formatter}.{kind}", only=True)
    simple = sh.name("simple")
    sh.run(f"{groups} --reset-offsets --group {simple} --topic {topic} --to-earliest --execute")
    sh.run(f"{groups} --delete --group {simple}")
    internal = f"kafka-console-consumer.sh --topic __consumer_offsets --partition {coordinating_partition(simple)} --offset earliest"
    for kind in ("OffsetsMessageFormatter", "GroupMetadataMessageFormatter"):
        sh.run(f"{internal} {formatter}.{kind}", only="simple-xxxxxxxx")


def coordinating_partition(group, partitions=50):
    """As Kafka finds it: by String.hashCode."""
    value = 0
    for unit in group.encode():
        value = (31 * value + unit) % 2**32
    return abs(value - 2**32 if value >= 2**31 else value) % partitions


@session
def share_groups(sh):
    """A share group from its first member to its deletion."""
    topic, group = filled(sh, "shared", [f"k:{i}" for i in range(10)], partitions=1), sh.name("share")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --alter --add-config share.auto.offset.reset=earliest")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {group} --describe", until="earliest")
    consume = f"kafka-console-share-consumer.sh --topic {topic} --group {group}"
    sh.run(f"{consume} --max-messages 4")
    groups = "kafka-share-groups.sh"
    sh.run(f"{groups} --list", only=True)
    sh.run(f"{groups} --list --state", only=True)
    sh.run(f"{groups} --describe --group {group}", until=" 4 +6")
    sh.run(f"{groups} --describe --group {group} --offsets --verbose", until=" 4 +6")
    sh.run(f"{consume} --max-messages 2 --release --formatter-property print.offset=true --formatter-property print.delivery=true")
    sh.run(f"{consume} --max-messages 2 --reject --formatter-property print.offset=true --formatter-property print.delivery=true")
    sh.run(f"{groups} --describe --group {group}", until=" 6 +4")
    member = sh.start(f"{consume}")
    sh.run(f"{groups} --describe --group {group} --members", until=f"{topic}:0")
    sh.run(f"{groups} --describe --group {group} --state", until="Stable +1")
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {topic} --to-earliest --execute")
    sh.stop(member)
    sh.run(f"{groups} --describe --group {group} --state", until="Empty +0")
    sh.run(f"{groups} --describe --group {group} --members")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {topic} --to-earliest --dry-run")
    sh.run(f"{groups} --reset-offsets --group {group} --topic {topic} --to-earliest --execute")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{consume} --max-messages 3")
    sh.run(f"{groups} --delete-offsets --group {group} --topic {topic} --topic {sh.name('unknown')}")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --describe --group {group}")
    sh.run(f"{groups} --delete --group {group}")
    sh.run(f"{groups} --reset-offsets --group {sh.name('new')} --topic {topic} --to-latest --execute")
    sh.run(f"{groups} --describe --group {sh.name('new')}")


@session
def offsets_of_topics(sh):
    topic = filled(sh, "offsets", [f"k:{i}" for i in range(10)], partitions=2)
    offsets = f"kafka-get-offsets.sh --topic {topic}"
    sh.run(offsets)
    for time in ("earliest", "-1", "earliest-local", "latest-tiered", "0", "4102444800000"):
        sh.run(f"{offsets} --time {time}")
    sh.run(f"kafka-get-offsets.sh --topic {filled(sh, 'one', ['k:0'])} --time max-timestamp")
    sh.run(f"kafka-get-offsets.sh --topic-partitions {topic}:1")
    sh.run(f"kafka-get-offsets.sh --topic {topic} --partitions 0")
    sh.run(f"kafka-get-offsets.sh --topic {sh.name('unknown')}")
    sh.run(f"kafka-get-offsets.sh --topic {topic} --time yesterday")


@session
def records_deleted(sh):
    topic = filled(sh, "deleted", [f"k:{i}" for i in range(10)])
    delete = "kafka-delete-records.sh --offset-json-file /dev/stdin"

    def body(offset, name=topic):
        return f'{{"partitions": [{{"topic": "{name}", "partition": 0, "offset": {offset}}}], "version": 1}}'
    sh.run(delete, stdin=body(6))
    sh.run(f"kafka-get-offsets.sh --topic {topic} --time earliest")
    sh.run(f"kafka-console-consumer.sh --topic {topic} --from-beginning --max-messages 4")
    sh.run(delete, stdin=body(1000))
    sh.run(delete, stdin=body(-1))
    sh.run(f"kafka-get-offsets.sh --topic {topic} --time earliest")
    compacted = sh.name("compacted")
    sh.run(f"kafka-topics.sh --create --topic {compacted} --config cleanup.policy=compact")
    sh.run(delete, stdin=body(0, compacted))


@session
def topics_compacted(sh):
    """The cleaner looks every 15 s: it leaves the last record of each key, and a tombstone for its time."""
    topic = sh.name("compacted")
    sh.run(f"kafka-topics.sh --create --topic {topic} --config cleanup.policy=compact --config segment.ms=50 "
           "--config min.cleanable.dirty.ratio=0.01 --config delete.retention.ms=50")
    produce = (f"kafka-console-producer.sh --topic {topic} --reader-property parse.key=true --reader-property key.separator=: "
               "--reader-property null.marker=NULL")
    consume = (f"kafka-console-consumer.sh --topic {topic} --from-beginning --timeout-ms 2000 --formatter-property print.offset=true "
               "--formatter-property print.key=true")
    sh.run(produce, stdin="a:1\nb:1\na:2\nc:1\nb:NULL\n")
    time.sleep(0.1)  # the age at which a segment is rolled, and more
    sh.run(produce, stdin="d:1\n")  # the first ones are no longer in the active segment
    sh.run(consume, until=r"\AOffset:2")
    sh.run(f"kafka-get-offsets.sh --topic {topic} --time earliest")
    time.sleep(0.1)
    sh.run(produce, stdin="e:1\n")
    sh.run(consume, until=r"Offset:3\b.*\nOffset:5")
    sh.run(f"kafka-console-producer.sh --topic {topic}", stdin="no key\n")


@session
def configs_of_topics(sh):
    topic, unknown = sh.name("configured"), sh.name("unknown")
    sh.run(f"kafka-topics.sh --create --topic {topic}")
    configs = f"kafka-configs.sh --topic {topic}"
    sh.run(f"{configs} --describe")
    sh.run(f"{configs} --alter --add-config retention.ms=60000,cleanup.policy=[compact,delete]")
    sh.run(f"{configs} --describe", until="retention.ms=60000")
    sh.run(f"kafka-topics.sh --describe --topic {topic}")
    sh.run(f"{configs} --alter --delete-config retention.ms --add-config max.message.bytes=5000")
    sh.run(f"{configs} --describe", until="max.message.bytes=5000")
    sh.run(f"{configs} --describe --all", sort=True)
    sh.run(f"{configs} --alter --add-config retention.ms=soon")
    sh.run(f"{configs} --alter --add-config no.such.config=1")
    sh.run(f"{configs} --alter --delete-config segment.bytes")
    sh.run(f"kafka-configs.sh --topic {unknown} --describe")
    sh.run(f"kafka-configs.sh --topic {unknown} --alter --add-config retention.ms=1")


@session
def client_quotas(sh):
    user, client = sh.name("user"), sh.name("client")
    alter, describe = "kafka-configs.sh --alter", "kafka-configs.sh --describe"
    one = f"--entity-type users --entity-name {user}"
    sh.run(f"{alter} {one} --add-config producer_byte_rate=1048576,consumer_byte_rate=2097152,request_percentage=200")
    sh.run(f"{describe} {one}", until="producer_byte_rate")
    sh.run(f"{alter} {one} --delete-config consumer_byte_rate --add-config controller_mutation_rate=12.5")
    sh.run(f"{describe} {one}", until="controller_mutation_rate")
    both = f"{one} --entity-type clients --entity-name {client}"
    sh.run(f"{alter} {both} --add-config producer_byte_rate=1024000")
    sh.run(f"{describe} {both}", until="producer_byte_rate")
    sh.run(f"{describe} {one} --entity-type clients", until=client)
    any_client = f"{one} --entity-type clients --entity-default"
    sh.run(f"{alter} {any_client} --add-config consumer_byte_rate=5000000")
    sh.run(f"{describe} {any_client}", until="consumer_byte_rate")
    address = "--entity-type ips --entity-name 10.1.2.3"
    sh.run(f"{alter} {address} --add-config connection_creation_rate=100")
    sh.run(f"{describe} {address}", until="connection_creation_rate")
    sh.run(f"{alter} {address} --delete-config connection_creation_rate")
    sh.run(f"{alter} {one} --add-config producer_byte_rate=-1")
    sh.run(f"{alter} {one} --add-config producer_byte_rate=fast")
    sh.run(f"{alter} {one} --add-config no.such.quota=1")
    sh.run(f"{alter} {one} --delete-config consumer_byte_rate")
    sh.run(f"{alter} --entity-type ips --entity-name no.such.host.invalid --add-config connection_creation_rate=100")
    for entity, quotas in ((one, "producer_byte_rate,request_percentage,controller_mutation_rate"), (both, "producer_byte_rate"), (any_client, "consumer_byte_rate")):
        sh.run(f"{alter} {entity} --delete-config {quotas}")
    sh.run(f"{describe} {one}", until="^$")


@session
def scram_credentials(sh):
    user = sh.name("alice")
    alter, describe = "kafka-configs.sh --alter --entity-type users", f"kafka-configs.sh --describe --entity-type users --entity-name {user}"
    sh.run(f"{alter} --entity-name {user} --add-config SCRAM-SHA-256=[iterations=8192,password=alice-secret],SCRAM-SHA-512=[password=alice-secret]")
    sh.run(f"{alter} --entity-name {user} --add-config SCRAM-SHA-256=[iterations=8192,password=alice-secret]")
    sh.run(describe, until="SCRAM-SHA-256")
    sh.run(f"{alter} --entity-name {user} --add-config SCRAM-SHA-256=[iterations=100,password=alice-secret]")
    sh.run(f"{alter} --entity-name {user} --add-config SCRAM-SHA-256=[iterations=20000,password=alice-secret]")
    sh.run(f"{alter} --entity-name {user} --delete-config SCRAM-SHA-256")
    sh.run(f"{alter} --entity-name {user} --delete-config SCRAM-SHA-256")
    sh.run(f"{alter} --entity-name {user} --add-config SCRAM-SHA-512=[password=alice-secret]")
    sh.run(describe, until="SCRAM-SHA-512")
    sh.run(f"{alter} --entity-name {user} --delete-config SCRAM-SHA-512")
    sh.run(describe, until="^$")


@session
def client_metrics(sh):
    name = sh.name("metrics")
    tool = "kafka-client-metrics.sh"
    sh.run(f"{tool} --alter --name {name} --metrics org.apache.kafka.producer.,org.apache.kafka.consumer.coordinator --interval 30000 "
           "--match client_software_name=apache-kafka-java,client_id=app-.*")
    sh.run(f"{tool} --describe --name {name}", until="interval.ms=30000")
    sh.run(f"kafka-configs.sh --describe --entity-type client-metrics --entity-name {name}")
    sh.run(f"{tool} --alter --name {name} --metrics '' --interval ''")
    sh.run(f"{tool} --describe --name {name}", until="interval.ms=300000")
    sh.run(f"kafka-configs.sh --alter --entity-type client-metrics --entity-name {name} --add-config interval.ms=1000,metrics=[a.,b.]")
    sh.run(f"{tool} --describe --name {name}", until="interval.ms=1000")
    sh.run(f"{tool} --list", only=True)
    sh.run(f"{tool} --alter --name {name} --interval 99")
    sh.run(f"{tool} --alter --name {name} --match client=app")
    sh.run(f"{tool} --alter --name {name} --match client_id=[")
    sh.run(f"kafka-configs.sh --alter --entity-type client-metrics --entity-name {name} --add-config no.such.config=1")
    sh.run(f"{tool} --delete --name {name}")
    sh.run(f"{tool} --describe --name {name}", until="doesn't exist")


@session
def delegation_tokens(sh):
    tool = "kafka-delegation-tokens.sh --command-config /dev/null"
    sh.run(f"{tool} --create --max-life-time-period -1 --renewer-principal User:bob")
    sh.run(f"{tool} --describe --owner-principal User:bob")
    sh.run(f"{tool} --renew --hmac bm9uZQ== --renew-time-period -1")
    sh.run(f"{tool} --expire --hmac bm9uZQ== --expiry-time-period -1")


@session
def acls_without_an_authorizer(sh):
    sh.run("kafka-acls.sh --list")
    sh.run(f"kafka-acls.sh --add --allow-principal User:alice --operation read --topic {sh.name('topic')}")
    sh.run(f"kafka-acls.sh --remove --force --topic {sh.name('topic')}")


@session
@on_a_server_with(authorizer_class_name="org.apache.kafka.metadata.authorizer.StandardAuthorizer", super_users="User:ANONYMOUS")
def acls(sh):
    topic, group, tool = sh.name("orders"), sh.name("group"), "kafka-acls.sh"
    sh.run(f"{tool} --add --allow-principal User:alice --operation read --topic {topic}")
    sh.run(f"{tool} --list --topic {topic}", until="operation=READ")
    sh.run(f"{tool} --add --deny-principal User:bob --deny-host 10.0.0.1 --operation write --topic {topic} --resource-pattern-type prefixed")
    sh.run(f"{tool} --list --topic {topic} --resource-pattern-type any", until="PREFIXED", sort="all")
    sh.run(f"{tool} --list --topic {topic}-eu --resource-pattern-type match", sort=True)
    before = list(sh.lines)  # in what order the tool names those that it adds is a matter of luck
    sh.run(f"{tool} --add --allow-principal User:carol --producer --topic {topic} --transactional-id tx --idempotent")
    sh.run(f"{tool} --add --allow-principal User:dave --consumer --topic {topic} --group {group}")
    sh.lines = before
    sh.run(f"{tool} --list --principal User:dave", until="GROUP", sort="all")
    sh.run(f"{tool} --list --cluster", until="IDEMPOTENT_WRITE")
    sh.run(f"{tool} --list --transactional-id tx", sort=True)
    sh.run(f"{tool} --add --allow-principal alice --operation read --topic {topic}")
    sh.run(f"{tool} --remove --force --allow-principal User:alice --operation read --topic {topic}")
    sh.run(f"{tool} --list --topic {topic} --principal User:alice", until="^ACLs for principal `User:alice`\n$")
    sh.run(f"{tool} --remove --force --topic {topic} --resource-pattern-type any")
    sh.run(f"{tool} --list --topic {topic} --resource-pattern-type any", until="^$")


@session
@on_a_server_with(users={"admin": "admin-secret", "alice": "alice-secret"})
def rights(sh):
    """What a user without rights is told by the tools, and as she gets one after the other."""
    topic, group = sh.name("orders"), sh.name("readers")
    login = {name: f'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={_PLAIN} username="{name}" password="{name}-secret";\n'
             for name in ("admin", "alice")}  # fmt: skip

    def as_user(name, command, **how):
        sh.run(f"{command} --command-config /dev/stdin", stdin=login[name], **how)

    def allow(operation, what):
        as_user("admin", f"kafka-acls.sh --add --allow-principal User:alice --operation {operation} {what}")
        as_user("admin", f"kafka-acls.sh --list --principal User:alice {what}", until=f"operation={operation.upper()}", sort="all")

    def produce(line):
        properties = " ".join(f"--command-property '{each}'" for each in login["alice"].splitlines())
        sh.run(f"kafka-console-producer.sh --topic {topic} {properties}", stdin=line)

    as_user("admin", f"kafka-topics.sh --create --topic {topic} --partitions 1")
    as_user("admin", f"kafka-topics.sh --describe --topic {topic}", until="Leader: 1")
    for command in (
        "kafka-topics.sh --list", f"kafka-topics.sh --describe --topic {topic}", f"kafka-topics.sh --create --topic {topic}-2",
        f"kafka-topics.sh --delete --topic {topic}", f"kafka-configs.sh --describe --entity-type topics --entity-name {topic}",
        f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config retention.ms=1", "kafka-acls.sh --list",
        f"kafka-acls.sh --add --allow-principal User:alice --operation all --topic {topic}", "kafka-consumer-groups.sh --list",
        f"kafka-consumer-groups.sh --describe --group {group}", "kafka-log-dirs.sh --describe", "kafka-configs.sh --describe --entity-type brokers --entity-name 1",
    ):  # fmt: skip
        as_user("alice", command)
    produce("first\n")
    allow("write", f"--topic {topic}")
    as_user("alice", "kafka-topics.sh --list", until=topic)
    produce("second\n")
    consume = f"kafka-console-consumer.sh --topic {topic} --group {group} --from-beginning --max-messages 1 --timeout-ms 20000"
    as_user("alice", consume)
    allow("read", f"--group {group}")
    as_user("alice", consume)
    allow("read", f"--topic {topic}")
    as_user("alice", consume)
    as_user("alice", f"kafka-consumer-groups.sh --describe --group {group} --offsets")
    as_user("admin", f"kafka-acls.sh --add --deny-principal 'User:*' --operation all --topic {topic}")
    as_user("alice", "kafka-topics.sh --list", until="^$")
    as_user("admin", "kafka-topics.sh --list", only=True)


@session
def replicas_reassigned(sh):
    topic, unknown = sh.name("moves"), sh.name("unknown")
    sh.run(f"kafka-topics.sh --create --partitions 2 --topic {topic}")
    sh.run(f"kafka-topics.sh --describe --topic {topic}", until="Partition: 1\tLeader: 1")
    reassign = "kafka-reassign-partitions.sh --reassignment-json-file /dev/stdin"

    def plan(name, *replicas):
        partitions = ",".join(f'{{"topic":"{name}","partition":{index},"replicas":{each}}}' for index, each in replicas)
        return f'{{"version":1,"partitions":[{partitions}]}}\n'

    sh.run("kafka-reassign-partitions.sh --generate --broker-list 1 --topics-to-move-json-file /dev/stdin",
           stdin=f'{{"topics":[{{"topic":"{topic}"}}],"version":1}}\n')
    sh.run(f"{reassign} --execute", stdin=plan(topic, (0, [1]), (1, [1])))
    sh.run(f"{reassign} --verify", stdin=plan(topic, (0, [1]), (1, [1])))
    sh.run(f"{reassign} --execute", stdin=plan(topic, (0, [2])))
    sh.run(f"{reassign} --execute", stdin=plan(unknown, (0, [1])))
    sh.run(f"{reassign} --execute", stdin=plan(topic, (9, [1])))
    sh.run(f"{reassign} --cancel", stdin=plan(topic, (0, [1])))
    sh.run("kafka-reassign-partitions.sh --list")
    sh.run(f"kafka-topics.sh --describe --topic {topic} --at-min-isr-partitions")


@session
def leaders_elected(sh):
    topic, unknown = sh.name("led"), sh.name("unknown")
    sh.run(f"kafka-topics.sh --create --partitions 2 --topic {topic}")
    sh.run(f"kafka-topics.sh --describe --topic {topic}", until="Partition: 1\tLeader: 1")
    elect = "kafka-leader-election.sh --election-type"
    sh.run(f"{elect} preferred --topic {topic} --partition 0")
    sh.run(f"{elect} unclean --topic {topic} --partition 1")
    sh.run(f"{elect} preferred --topic {unknown} --partition 0")
    sh.run(f"{elect} preferred --path-to-json-file /dev/stdin",
           stdin=f'{{"partitions":[{{"topic":"{topic}","partition":0}},{{"topic":"{topic}","partition":9}}]}}\n')
    sh.run(f"{elect} preferred --all-topic-partitions")


@session
def log_directories(sh):
    topic = filled(sh, "kept", [f"k:{i}" for i in range(10)])
    sh.run(f"kafka-log-dirs.sh --describe --topic-list {topic}")
    sh.run(f"kafka-log-dirs.sh --describe --topic-list {topic} --broker-list 1")
    sh.run(f"kafka-log-dirs.sh --describe --topic-list {sh.name('unknown')}")
    sh.run(f"kafka-log-dirs.sh --describe --topic-list {topic} --broker-list 7")


@session
def the_quorum(sh):
    sh.run("kafka-metadata-quorum.sh describe --status")
    sh.run("kafka-metadata-quorum.sh describe --replication")
    sh.run("kafka-metadata-quorum.sh describe --replication --human-readable")
    sh.run("kafka-metadata-quorum.sh remove-controller --controller-id 1 --controller-directory-id AAECAwQFBgcICQoLDA0ODw")


@session
def features_of_the_cluster(sh):
    sh.run("kafka-features.sh describe")
    sh.run("kafka-features.sh upgrade --feature group.version=1 --dry-run")
    sh.run("kafka-features.sh upgrade --feature group.version=7")
    sh.run("kafka-features.sh upgrade --feature no.such.version=1")
    sh.run("kafka-features.sh upgrade --release-version 4.3 --dry-run")
    sh.run("kafka-features.sh upgrade --metadata 4.0")
    sh.run("kafka-features.sh downgrade --feature transaction.version=1 --dry-run")
    sh.run("kafka-features.sh downgrade --metadata 4.2 --dry-run")
    sh.run("kafka-features.sh downgrade --metadata 4.2 --unsafe")
    sh.run("kafka-features.sh disable --feature kraft.version --dry-run")
    sh.run("kafka-features.sh version-mapping --release-version 4.1")
    sh.run("kafka-features.sh feature-dependencies --feature transaction.version=2")


@session
def configs_of_brokers(sh):
    configs, one = "kafka-configs.sh --entity-type brokers", "kafka-configs.sh --entity-type brokers --entity-name 1"
    sh.run(f"{one} --describe --all")
    sh.run(f"{configs} --entity-default --describe")
    sh.run(f"{one} --alter --add-config background.threads=12,log.cleaner.threads=2")
    sh.run(f"{one} --describe", until="log.cleaner.threads=2.*DYNAMIC_BROKER")
    sh.run(f"{configs} --entity-default --alter --add-config max.connections.per.ip=1000")
    sh.run(f"{configs} --entity-default --describe", until="per.ip=1000")
    sh.run(f"{one} --alter --add-config no.such.config=1")
    sh.run(f"{one} --describe", until="no.such.config")
    sh.run(f"{one} --alter --delete-config background.threads,log.cleaner.threads,no.such.config")
    sh.run(f"{configs} --entity-default --alter --delete-config max.connections.per.ip")
    sh.run(f"{one} --alter --delete-config background.threads")
    sh.run(f"{one} --alter --add-config num.partitions=3")
    sh.run(f"{one} --alter --add-config background.threads=0")
    sh.run(f"{one} --alter --add-config log.cleanup.policy=burn")
    sh.run(f"{configs} --entity-default --alter --delete-config min.insync.replicas")
    sh.run("kafka-configs.sh --entity-type brokers --entity-name 7 --describe")


@session
def levels_of_loggers(sh):
    loggers = "kafka-configs.sh --entity-type broker-loggers --entity-name 1"
    sh.run(f"{loggers} --alter --add-config root=WARN")
    sh.run(f"{loggers} --describe", only="root=")
    sh.run(f"{loggers} --alter --add-config root=LOUD")
    sh.run(f"{loggers} --alter --add-config no.such.logger=INFO")
    sh.run(f"{loggers} --alter --delete-config root")
    sh.run(f"{loggers} --alter --add-config root=INFO")


@session
def the_cluster(sh):
    sh.run("kafka-cluster.sh cluster-id")
    sh.run("kafka-cluster.sh list-endpoints")
    sh.run("kafka-cluster.sh list-endpoints --include-fenced-brokers")
    sh.run("kafka-cluster.sh unregister --id 7")


@session
def verifiable_clients(sh):
    """The clients of Kafka's own system tests: they tell what happens to them as JSON."""
    topic, group = filled(sh, "verifiable", []), sh.name("group")
    produce = f"kafka-verifiable-producer.sh --topic {topic}"
    sh.run(f"{produce} --max-messages 5 --value-prefix 7 --repeating-keys 2")
    sh.run(f"{produce} --max-messages 2 --acks 0")
    for protocol, options in (("classic", ""), ("consumer", " --group-remote-assignor range")):
        consume = f"kafka-verifiable-consumer.sh --topic {topic} --group-id {group}-{protocol} --group-protocol {protocol}{options}"
        sh.run(f"{consume} --max-messages 3 --verbose")
        sh.run(f"{consume} --max-messages 4 --group-instance-id one --enable-autocommit")
        sh.run(f"kafka-consumer-groups.sh --describe --group {group}-{protocol} --offsets", until=" 7 +7 +0 ")
        sh.run(f"{consume} --group-id {group}-{protocol}-none --max-messages 1 --reset-policy none")
    share = f"kafka-verifiable-share-consumer.sh --topic {topic} --group-id {group}-share --offset-reset-strategy earliest"
    sh.run(f"{share} --max-messages 7 --verbose")
    sh.run(f"{produce} --max-messages 3")
    sh.run(f"{share} --max-messages 3 --acknowledgement-mode sync")


@session
def apis_served(sh):
    sh.run("kafka-broker-api-versions.sh")
