"""Members of groups as earlier answers left them: what they ask next goes on from there."""

from differential.values import GROUPS, TOPICS
from wire.record import Record

_HEARTBEATS = {name for name in GROUPS if name.endswith("Heartbeat")}
_OWNED = {"ConsumerGroupHeartbeat": ("topic_partitions",), "StreamsGroupHeartbeat": ("active_tasks", "standby_tasks", "warmup_tasks")}
_KEPT = ("group_id", "member_id", "member_epoch", "instance_id")  # of a heartbeat that says nothing new


class Members:
    """`pairs`: the ids that the two servers made up."""

    def __init__(self, pairs):
        self._pairs = pairs
        self._known = {}  # (api, group, member) -> (member, epoch, {field: what it was told to own})

    def heard(self, api, request, real):
        """Both servers answered alike: remember where that leaves the member."""
        if api.name not in _HEARTBEATS or not isinstance(real, Record) or real.error_code:
            return
        member = self._pairs.known("member_id", real.member_id) if real.member_id else request.member_id
        key = api.name, request.group_id, repr(member)
        if real.member_epoch < 0:
            self._known.pop(key, None)
            return
        _, _, owned = self._known.get(key, (None, None, {}))
        told = real.assignment if api.name == "ConsumerGroupHeartbeat" else real
        said = {name: self._ours(api, name, getattr(told, name)) for name in _OWNED.get(api.name, ()) if told is not None and getattr(told, name) is not None}
        self._known[key] = member, real.member_epoch, {**owned, **said}

    def _ours(self, api, name, told):
        """What an answer said, in the words of a request."""
        Item = getattr(api.Request, "TopicPartitions" if name == "topic_partitions" else "".join(map(str.title, name.split("_"))))
        if name == "topic_partitions":
            return [Item(topic_id=self._pairs.known("topic_id", each.topic_id), partitions=list(each.partitions)) for each in told]
        return [Item(subtopology_id=each.subtopology_id, partitions=list(each.partitions)) for each in told]

    def go_on(self, api, request, random):
        """`request`, or half of the time the same as a member would ask it that heard the last answer, or that joins."""
        known = [(key, value) for key, value in self._known.items() if key[0] == api.name or api.name == "OffsetCommit"]
        if api.name in _HEARTBEATS and random.random() < (0.1 if known else 0.5):
            return self._join(api, random)
        if not known or random.random() < 0.4:
            return request
        (_, group_id, _), (member, epoch, owned) = random.choice(known[-5:])
        fields = {name: getattr(request, name) for name in request.fields_in_order}
        fields.update(group_id=group_id, member_id=member)
        if api.name == "OffsetCommit":
            return type(request)(**{**fields, "generation_id_or_member_epoch": epoch})
        fields["member_epoch"] = epoch
        if random.random() < 0.7:
            fields = {name: value for name, value in fields.items() if name in _KEPT}
        if random.random() < 0.7:
            fields.update(owned)
        return type(request)(**fields)

    def _join(self, api, random):
        Request = api.Request
        fields = {"group_id": GROUPS[api.name], "member_id": random.choice(("m-1", "m-2", "m-3"))}
        topics = random.sample(TOPICS, random.choice((1, 1, 2)))
        if api.name == "StreamsGroupHeartbeat":
            parts = [Request.Topology.Subtopologies(subtopology_id=f"s-{topic}", source_topics=[topic]) for topic in topics]
            fields.update(topology=Request.Topology(epoch=0, subtopologies=parts), process_id=f"p-{fields['member_id']}")
        else:
            fields["subscribed_topic_names"] = topics
        if api.name in _OWNED:
            fields.update(dict.fromkeys(_OWNED[api.name], ()), rebalance_timeout_ms=60000)
        return Request(**fields)
