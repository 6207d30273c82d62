"""The cluster as its controller sees it: brokers, topics by name and by id, and how they come and go."""

from emulator.state.cluster import creation, names
from emulator.state.cluster.ids import new_uuid, uuid_of, uuid_text
from emulator.state.cluster.model import NewTopic, Opening, Partition, Topic
from wire.errors import UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, KafkaError

_STORED = ("replicas", "isr", "elr", "last_known_elr", "adding", "removing", "leader", "leader_epoch", "partition_epoch")


def _partition_key(partition):
    return f"{uuid_text(partition.topic.topic_id)}:{partition.index}"


def _stored(partition):
    return {name: getattr(partition, name) for name in _STORED}


class Cluster:
    """Topics and brokers of one cluster.

    `brokers`: the Broker objects registered; `configs`: Configs; `random`: a random.Random, of ids and
    places; `new_log(topic, partition index, TopicConfig, broker id)` opens a replica's log or begins it, which has `config`
    (replaced when it changes) and `delete()` (called when the partition is deleted: it wakes who waits).
    Topics that are in the metadata of `configs` are there again.
    `on_create`, `on_grow` and `on_delete` are called with a topic once it is there, has more partitions, or is gone;
    `on_remove` when its removal is being written, to write more with it. `on_leader` is called with a partition, and who led
    it before, once it has another leader or leader epoch; `on_isr` with one whose ISR or replicas are others. `turns()` begins long work: what
    it gives is to be called after each step, so that others have their turn. `configs_of`: {broker id: its Configs}, where they differ.
    """

    def __init__(self, cluster_id, brokers, configs, new_log, time, random, turns=None, configs_of=None):
        self.cluster_id = cluster_id
        self.controller_epoch = 1
        self.brokers = {broker.id: broker for broker in brokers}
        self.controller_id = min(self.brokers, default=-1)  # the broker that is the controller, too, until it is gone
        self.elects_controller = True  # False: ZooKeeper has it
        self.governed = True  # whether there is a controller that can change anything: a session with ZooKeeper may be lost
        self.configs = configs
        self.time = time
        self.random = random
        self.metadata = configs.metadata
        self._topic_table = self.metadata.table("topics")  # topic id -> name
        self._partition_table = self.metadata.table("partitions")  # "topic id:index" -> see _stored
        self.topics = {}
        self.topics_by_id = {}
        self.opening = {}  # name of a topic some of whose logs are still to be made -> Opening
        self.moving = set()  # partitions that are being reassigned
        self.on_create = []
        self.on_remove = []
        self.on_delete = []
        self.on_grow = []
        self.on_leader = []
        self.on_isr = []
        self._new_log = new_log
        self._turns = turns
        self._configs_of = configs_of or {}
        self._metric_names = {}  # topics that share a name once '.' and '_' are one
        configs.on_change.append(self._configs_changed)
        self._restore()

    # Looking ------------------------------------------------------------------------------

    @property
    def metadata_offset(self):
        """Grows with every change, as the end of Kafka's metadata log does."""
        return self.metadata.offset

    def partition(self, topic, index):
        """The Partition of a topic's name and an index, or None."""
        found = self.topics.get(topic)
        if found is None or not 0 <= index < len(found.partitions):
            return None
        return found.partitions[index]

    def collision(self, name):
        """A topic whose name differs from `name` only in '.' and '_', or None."""
        return next(iter(self._metric_names.get(names.metric_name(name), ())), None)

    def active(self, broker_ids):
        """Those of the brokers that may be in an ISR, in order."""
        return [broker for broker in broker_ids if self.brokers[broker].active]

    def elect_controller(self):
        """If the controller is gone another broker is it from now on: the first that is up; while none is, nobody else."""
        if not self.elects_controller:
            return
        up = [broker.id for broker in self.brokers.values() if not broker.fenced]
        if up and self.controller_id not in up:
            self.controller_id = min(up)
            self.controller_epoch += 1

    # Topics -------------------------------------------------------------------------------

    def create_topics(self, new_topics, validate_only=False, charge=None, in_turns=False):
        """Make NewTopics: for each, in order, the Topic that was (or would be) made or a KafkaError.

        With `in_turns` others are served while the logs of many partitions are made; they see each topic once it is whole.
        `charge(partitions)` may raise a KafkaError for each in turn. Raises KafkaError POLICY_VIOLATION when the request as a whole is too large.
        """
        creation.check_batch(new_topics, self.configs.settings.num_partitions)
        results, made, records = [], [], 0
        for new in new_topics:
            try:
                creation.check_name(new.name, self)
                overrides = creation.creation_configs(new.configs)
                self.configs.preview(overrides)
                plan = creation.plan_topic(new, self)
                if charge is not None:
                    charge(len(plan))
            except KafkaError as error:
                results.append(error)
                continue
            records += 1 + len(overrides) + len(plan)
            topic = Topic(new.name, new_uuid(self.random), new.name in names.INTERNAL)
            topic.partitions = [Partition(topic, index, *placed) for index, placed in enumerate(plan)]
            made.append((len(results), topic, overrides))
            results.append(topic)
        creation.check_records(records)
        if not validate_only:
            for position, topic, overrides in made:
                try:
                    self._install(topic, overrides, self._turns() if in_turns and self._turns and not topic.internal else None)
                except KafkaError as error:
                    results[position] = error  # the disk takes no more of the metadata
        return results

    def create_topic(self, name, num_partitions=None, replication_factor=None, configs=(), charge=None):
        """Make one topic; None is the cluster's default. Gives the Topic; raises KafkaError."""
        new = NewTopic(
            name,
            -1 if num_partitions is None else num_partitions,
            -1 if replication_factor is None else replication_factor,
            configs=tuple(dict(configs).items()),
        )
        [made] = self.create_topics([new], charge=charge)
        if isinstance(made, KafkaError):
            raise made
        return made

    def ensure_topic(self, name, num_partitions=None):
        """As `create_topic`, but one that is there already, with as many partitions, will do."""
        topic = self.topics.get(name)
        if topic is None or num_partitions not in (None, len(topic.partitions)):
            return self.create_topic(name, num_partitions)
        return topic

    def adopt_topic(self, name, topic_id, indexes, configs=None):
        """A topic whose logs were made elsewhere: its id and partitions are what they are. Gives it; raises KafkaError.

        `configs`: None for Kafka's own, if it is an internal topic.
        """
        creation.check_name(name, self)
        if configs is None:
            configs = self._plan_internal(name)[2] if name in names.INTERNAL else {}
        self.configs.preview(configs)
        topic = Topic(name, topic_id, name in names.INTERNAL)
        broker = [self.controller_id]
        topic.partitions = [Partition(topic, index, broker, broker) for index in range(max(indexes) + 1)]
        self._install(topic, configs)
        for partition in topic.partitions:
            epoch = partition.log.leader_epoch_at(partition.log.end_offset)
            if epoch > partition.leader_epoch:
                self.change(partition, leader_epoch=epoch)
        return topic

    def _install(self, topic, overrides, turn=None):
        if topic.name in self.opening or topic.name in self.topics:
            raise KafkaError(TOPIC_ALREADY_EXISTS, f"Topic '{topic.name}' already exists.")  # made while this request gave others a turn
        with self.metadata:
            self._topic_table.put(uuid_text(topic.topic_id), topic.name)
            for partition in topic.partitions:
                self._store(partition)
            self.configs.new_topic(topic.name, overrides)
        self._open(topic, turn)

    def _open(self, topic, turn=None):
        if names.may_collide(topic.name):
            self._metric_names.setdefault(names.metric_name(topic.name), {})[topic.name] = None

        def show():
            self.topics[topic.name] = self.topics_by_id[topic.topic_id] = topic
            for created in self.on_create:
                created(topic)

        self._make_logs(topic, topic.partitions, show, turn)

    def _make_logs(self, topic, partitions, show, turn):
        """The logs of new partitions, then `show()`; `turn` is called after each, None where nobody else is to be served."""
        opening = self.opening[topic.name] = Opening(partitions, show, turn is not None)
        try:
            while opening.missing:
                self._open_logs(opening.missing.popleft())
                if turn is not None:
                    turn()
        finally:
            self._finish(topic.name, opening)  # in the middle, where who waited for it went

    def _finish(self, name, opening):
        if self.opening.get(name) is not opening:
            return  # somebody could not wait, or has deleted the topic
        while opening.missing:
            self._open_logs(opening.missing.popleft())
        del self.opening[name]
        opening.show()
        if opening.in_turns:
            self._configs_changed(name)  # they may have, meanwhile

    def finish_opening(self):
        """Make what logs are still to be made, at once: what follows concerns all partitions."""
        for name, opening in list(self.opening.items()):
            self._finish(name, opening)

    def _open_logs(self, partition):
        for broker in partition.replicas:
            self._open_log(partition, broker)
        partition.log = partition.logs.get(partition.leader) or next(iter(partition.logs.values()))

    # What lasts ---------------------------------------------------------------------------

    def change(self, partition, **changes):
        """Set attributes of a partition (isr, leader, leader_epoch ...), for good; its partition_epoch grows by one."""
        values = {**_stored(partition), "partition_epoch": partition.partition_epoch + 1, **changes}
        self._partition_table.put(_partition_key(partition), values)
        before, epoch = partition.leader, partition.leader_epoch
        for name, value in values.items():
            setattr(partition, name, value)
        partition.topic.told.clear()
        self._note_move(partition)
        if "replicas" in changes:
            self._move_logs(partition)
        if (partition.leader, partition.leader_epoch) != (before, epoch):
            led_until_now = partition.log
            partition.log = partition.logs.get(partition.leader, led_until_now)
            if partition.leader >= 0:
                partition.log.begin_epoch(partition.leader_epoch)
            for led in self.on_leader:
                led(partition, before)
            led_until_now.wake()
        elif "isr" in changes or "replicas" in changes:
            for changed in self.on_isr:
                changed(partition)

    def _open_log(self, partition, broker):
        config = self._config(partition.topic, broker)
        partition.logs[broker] = self._new_log(partition.topic, partition.index, config, broker)

    def _config(self, topic, broker):
        """Brokers may have defaults of their own."""
        return self._configs_of.get(broker, self.configs).topic(topic.name)

    def _move_logs(self, partition):
        """Those that replicate it from now on have a log of it, others none."""
        for broker in partition.replicas:
            if broker not in partition.logs:
                self._open_log(partition, broker)
        for broker in set(partition.logs) - set(partition.replicas):
            log = partition.logs.pop(broker)
            log.delete()

    def _note_move(self, partition):
        if partition.adding or partition.removing:
            self.moving.add(partition)
        else:
            self.moving.discard(partition)

    def _store(self, partition):
        self._partition_table.put(_partition_key(partition), _stored(partition))

    def _restore(self):
        """The topics that the metadata knows."""
        topics = {}
        for text, name in self._topic_table.items():
            topics[text] = Topic(name, uuid_of(text), name in names.INTERNAL)
        for key, values in self._partition_table.items():
            topic = topics[key.partition(":")[0]]
            partition = Partition(topic, len(topic.partitions), values["replicas"], values["isr"] or values["replicas"])
            for name in _STORED:
                setattr(partition, name, values.get(name, []))  # what was written before 4.3 had eligible replicas has none
            topic.partitions.append(partition)
            self._note_move(partition)
        for topic in topics.values():
            self._open(topic)

    def delete_topic(self, topic_id):
        """Delete the topic with this id; gives it. Raises KafkaError UNKNOWN_TOPIC_ID."""
        topic = self.topics_by_id.get(topic_id)
        if topic is None:
            raise KafkaError(UNKNOWN_TOPIC_ID)
        partitions = list(topic.partitions)
        if topic.name in self.opening:  # it grows: those that are missing never come
            partitions += self.opening[topic.name].partitions
            self.opening.pop(topic.name).missing.clear()
        with self.metadata:
            self._topic_table.remove(uuid_text(topic_id))
            for partition in partitions:
                self._partition_table.remove(_partition_key(partition))
            self.configs.drop_topic(topic.name)
            for removed in self.on_remove:
                removed(topic)
        self.moving.difference_update(partitions)
        del self.topics_by_id[topic_id]
        del self.topics[topic.name]
        if names.may_collide(topic.name):
            same = self._metric_names[names.metric_name(topic.name)]
            del same[topic.name]
            if not same:
                del self._metric_names[names.metric_name(topic.name)]
        for partition in partitions:
            for log in partition.logs.values():
                log.delete()
        for deleted in self.on_delete:
            deleted(topic)
        return topic

    def create_partitions(self, name, count, assignments=None, validate_only=False, charge=None, in_turns=False):
        """Bring a topic to `count` partitions; raises KafkaError, as `charge(new partitions)` may.

        With `in_turns` others are served meanwhile; they see all new partitions at once.
        """
        topic = self.topics.get(name)
        if topic is None:
            raise KafkaError(UNKNOWN_TOPIC_OR_PARTITION)
        if name in self.opening:
            self._finish(name, self.opening[name])
        plan = creation.plan_growth(topic, count, assignments, self, charge)
        if validate_only:
            return
        present = len(topic.partitions)
        added = [Partition(topic, present + number, *placed) for number, placed in enumerate(plan)]
        with self.metadata:
            for partition in added:
                self._store(partition)

        def show():
            topic.partitions += added
            topic.told.clear()
            for grown in self.on_grow:
                grown(topic)

        self._make_logs(topic, added, show, self._turns() if in_turns and self._turns and not topic.internal else None)

    def auto_create(self, name, charge=None):
        """Make a topic because somebody asked for it, with the cluster's defaults; raises KafkaError."""
        return self.ensure_internal_topic(name) if name in names.INTERNAL else self.create_topic(name, charge=charge)

    def ensure_internal_topic(self, name):
        """One of Kafka's own topics, made if it is not there yet; raises KafkaError, as when there are too few brokers."""
        topic = self.topics.get(name)
        return self.create_topic(name, *self._plan_internal(name)) if topic is None else topic

    def _plan_internal(self, name):
        """(partitions, replication factor, configs) of one of Kafka's own topics."""
        settings = self.configs.settings
        if name == names.CONSUMER_OFFSETS:
            count, factor = settings.offsets_topic_num_partitions, settings.offsets_topic_replication_factor
            configs = {"compression.type": "producer", "cleanup.policy": "compact", "segment.bytes": str(settings.offsets_topic_segment_bytes)}
        elif name == names.TRANSACTION_STATE:
            count, factor = settings.transaction_state_log_num_partitions, settings.transaction_state_log_replication_factor
            configs = {
                "compression.type": "uncompressed", "cleanup.policy": "compact", "unclean.leader.election.enable": "false",
                "min.insync.replicas": str(settings.transaction_state_log_min_isr),
                "segment.bytes": str(settings.transaction_state_log_segment_bytes),
            }  # fmt: skip
        else:
            count, factor = settings.share_coordinator_state_topic_num_partitions, settings.share_coordinator_state_topic_replication_factor
            configs = {
                "compression.type": "producer", "min.insync.replicas": str(settings.share_coordinator_state_topic_min_isr),
                "cleanup.policy": "delete", "segment.bytes": str(settings.share_coordinator_state_topic_segment_bytes),
                "retention.ms": "-1",
            }  # fmt: skip
        return count, factor, configs

    # Configs ------------------------------------------------------------------------------

    def _configs_changed(self, name):
        """Hand the logs their new config: of one topic, or (name None) of all."""
        topics = self.topics.values() if name is None else filter(None, [self.topics.get(name)])
        for topic in topics:
            for partition in topic.partitions:
                for broker, log in partition.logs.items():
                    log.config = self._config(topic, broker)
