"""Sessions of the tools that make load, or look closely at what load left: beside those of sessions.py, and recorded as they are."""
from sessions import coordinating_partition, filled, session

TOOLS = "org.apache.kafka.tools"


@session
def performance_tests(sh):
    topic, group = filled(sh, "load", []), sh.name("group")
    produce = f"kafka-producer-perf-test.sh --topic {topic} --num-records 1000"
    sh.run(f"{produce} --record-size 100 --throughput -1")
    sh.run(f"{produce} --record-size 10 --throughput 5000 --command-property acks=1 --warmup-records 100")
    sh.run(f"{produce} --payload-monotonic --throughput -1 --command-property compression.type=lz4")
    consume = f"kafka-consumer-perf-test.sh --topic {topic} --num-records"
    sh.run(f"{consume} 3000 --group {group} --timeout 30000")
    sh.run(f"{consume} 10 --group {group} --timeout 1000 --hide-header")
    sh.run(f"kafka-consumer-groups.sh --describe --group {group} --offsets", until=" 3000 +3000 +0 ")
    shared = sh.name("shared")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {shared} --alter --add-config share.auto.offset.reset=earliest")
    sh.run(f"kafka-configs.sh --entity-type groups --entity-name {shared} --describe", until="earliest")
    sh.run(f"kafka-share-consumer-perf-test.sh --topic {topic} --num-records 3000 --group {shared} --timeout 30000")


@session
def latency_from_end_to_end(sh):
    topic, latency = sh.name("latency"), "kafka-e2e-latency.sh --num-records 20 --record-size 20"
    sh.run(f"{latency} --topic {topic} --producer-acks 1")
    sh.run(f"{latency} --topic {topic} --producer-acks all --record-key-size 4 --num-headers 2 --record-header-key-size 3 --record-header-size 5")
    sh.run(f"kafka-get-offsets.sh --topic {topic}")


@session
def transactions_looked_at(sh):
    """From the first to one that an administrator ends."""
    source, target, group = filled(sh, "source", [f"k:{i}" for i in range(10)]), filled(sh, "target", []), sh.name("copier")
    tool, finished, hanging = "kafka-transactions.sh", sh.name("finished"), sh.name("hanging")
    copy = f"kafka {TOOLS}.TransactionalMessageCopier --broker-list HOST:PORT --input-partition 0 --transaction-size 5"
    copy += f" --input-topic {source} --output-topic {target} --transactional-id {finished} --consumer-group {group}"
    sh.run(f"{copy} --max-messages 10 --use-group-metadata")
    sh.run(f"kafka-console-consumer.sh --topic {target} --from-beginning --isolation-level read_committed --max-messages 10")
    sh.run(f"{tool} list --transactional-id-pattern {finished}.*", until="CompleteCommit", only=True)
    sh.run(f"{tool} describe --transactional-id {finished}", only=True)
    sh.run(f"{tool} describe --transactional-id {sh.name('none')}")
    sh.run(f"{tool} describe-producers --topic {target} --partition 0")
    goes_on = sh.start(f"kafka-producer-perf-test.sh --topic {target} --num-records 100000 --record-size 10 --throughput 5 "
                       f"--transactional-id {hanging} --transaction-duration-ms 600000")
    sh.run(f"{tool} list --transactional-id-pattern {hanging}", until="Ongoing", only=True)
    sh.run(f"{tool} describe --transactional-id {hanging}", until=f"{target}-0", only=True)
    sh.run(f"{tool} list --duration-filter 3600000", only=True)
    sh.run(f"{tool} find-hanging --broker-id 1 --max-transaction-timeout 15")
    goes_on.kill()
    sh.run(f"{tool} abort --topic {target} --partition 0 --start-offset 999")
    sh.run(f"{tool} forceTerminateTransaction --transactionalId {hanging}")
    sh.run(f"{tool} list --transactional-id-pattern {hanging}", until="Empty", only=True)
    sh.run(f"{tool} forceTerminateTransaction --transactionalId {sh.name('none')}")
    log = f"kafka-console-consumer.sh --topic __transaction_state --partition {coordinating_partition(hanging)} --offset earliest"
    sh.run(f"{log} --timeout-ms 2000 --formatter {TOOLS}.consumer.TransactionLogMessageFormatter", only="hanging-xxxxxxxx")


@session
def share_groups_as_records(sh):
    """What the two coordinators of a share group write, read with the formatters that Kafka has for it."""
    topic, group = filled(sh, "work", [f"k:{i}" for i in range(5)]), sh.name("stored")
    sh.run(f"kafka-share-groups.sh --reset-offsets --group {group} --topic {topic} --to-earliest --execute")
    sh.run(f"kafka-console-share-consumer.sh --topic {topic} --group {group} --max-messages 5")
    sh.run(f"kafka-share-groups.sh --describe --group {group}", until=r" 0\s*\Z")
    consume = f"--offset earliest --timeout-ms 2000 --formatter {TOOLS}.consumer"
    internal = f"kafka-console-consumer.sh --topic __consumer_offsets --partition {coordinating_partition(group)} {consume}"
    sh.run(f"{internal}.ShareGroupMessageFormatter", only=True)
    state = f"kafka-console-consumer.sh --topic __share_group_state --from-beginning --timeout-ms 2000 --formatter {TOOLS}.consumer"
    sh.run(f"{state}.group.share.ShareGroupStateMessageFormatter", only=True)


@session
def streams_application_reset(sh):
    """An application of the classic protocol: its input read anew, its internal topics gone."""
    lines, counts = filled(sh, "lines", ["a:one two", "b:two"]), filled(sh, "counts", [])
    application, reset = sh.name("words"), "kafka-streams-application-reset.sh"
    running = sh.start(f"kafka WordCount {lines} {counts} application.id={application} commit.interval.ms=100 processing.guarantee=at_least_once")
    sh.run(f"kafka-consumer-groups.sh --describe --group {application} --state", until="Stable")
    done = rf"(?s)(?=.*{lines} +0 +2 +2 +0 )(?=.*repartition +0 +3 +3 +0 )"  # without markers, of which there may be more or fewer
    sh.run(f"kafka-consumer-groups.sh --describe --group {application} --offsets", until=done, sort=True)
    sh.run(f"{reset} --application-id {application} --input-topics {lines}")
    sh.stop(running)
    sh.run(f"{reset} --application-id {application} --input-topics {lines} --force --dry-run")  # its member did not leave
    sh.run(f"{reset} --application-id {application} --input-topics {lines},{sh.name('unknown')} --dry-run")
    sh.run(f"{reset} --application-id {application} --input-topics {lines} --to-offset 1")
    sh.run(f"kafka-topics.sh --list --topic '.*-{sh.suffix}.*'")
    sh.run(f"kafka-consumer-groups.sh --describe --group {application} --offsets", until=f"{lines} +0 +1 +2 +1", sort=True)
    sh.run(f"{reset} --application-id {sh.name('nobody')} --force")


@session
def replicas_verified(sh):
    topic = filled(sh, "verified", [f"k:{i}" for i in range(10)])
    tool = "kafka-replica-verification.sh --broker-list HOST:PORT --report-interval-ms 100"
    sh.run(f"{tool} --topics-include {topic} --time -2", interrupt_after=3)
    sh.run(f"{tool} --topics-include {sh.name('unknown')}")


@session
def a_torture_of_the_cleaner(sh):
    """Checks what it wrote against what it reads, whatever the cleaner had time for."""
    sh.run(f"kafka {TOOLS}.LogCompactionTester --messages 300 --topics 2 --percent-deletes 10 --duplicates 3 --compression-type zstd --sleep 0")


@session
def compatibility_of_clients(sh):
    """What Kafka's system tests ask of every release; ACLs need an authorizer here."""
    topic = filled(sh, "compatible", [])
    before = list(sh.lines)
    sh.run("kafka-topics.sh --delete --if-exists --topic newtopic")  # which the tool leaves
    sh.lines = before
    features = {name: "true" for name in ("offsets-for-times-supported", "cluster-id-supported", "create-topics-supported",
                                          "describe-acls-supported", "describe-configs-supported", "idempotent-producer-supported")}
    options = " ".join(f"--{name} {value}" for name, value in features.items())
    sh.run(f"kafka {TOOLS}.ClientCompatibilityTest --topic {topic} --expect-record-too-large-exception false --num-cluster-nodes 1 {options}")


@session
def groups_of_all_kinds(sh):
    topic, classic, consumer, share = filled(sh, "work", ["k:0"]), sh.name("classic"), sh.name("consumer"), sh.name("share")
    consume = f"kafka-console-consumer.sh --topic {topic} --from-beginning --max-messages 1"
    sh.run(f"{consume} --group {classic}")
    sh.run(f"{consume} --group {consumer} --command-property group.protocol=consumer")
    sh.run(f"kafka-share-groups.sh --reset-offsets --group {share} --topic {topic} --to-earliest --execute")
    for which in ("", "--group-type classic", "--group-type consumer", "--share", "--streams", "--protocol consumer", "--protocol connect"):
        sh.run(f"kafka-groups.sh --list {which}", only=True, sort="all")
    sh.run("kafka-groups.sh --list --group-type none")
