"""Where topics come from, so that no mirror takes one back: see marks.py for what each notes in its target."""

import logging

from emulator.apps.mirror import marks

log = logging.getLogger(__name__)

_SETTLE_S = 0.5


class Circles:
    """`keep(marks)`: have them kept; `came_from`: {topic there: ids of clusters}; `noted`: topics that this mirror has noted as its own; `left_out`: {topic: why}."""

    def __init__(self, source, target, came_from, keep, now):
        self._source, self._target, self.came_from, self._keep, self._now = source, target, came_from, keep, now
        self.noted = set()
        self.left_out = {}
        self._claimed = set()
        self._seen = {}  # topic -> since when

    @property
    def _here(self):
        return self._target.cluster_id

    def settled(self, wanted):
        """Of {topic: name there} without those that have just come: another mirror may have made them, and be about to note that."""
        now = self._now()
        is_first = not self._seen
        for name in wanted:
            self._seen.setdefault(name, now - _SETTLE_S if is_first else now)
        return {name: there for name, there in wanted.items() if now - self._seen[name] >= _SETTLE_S}

    def allowed(self, wanted):
        """Of {topic: name there} without those that have come from the target, or through it. Raises Lost, Refusal, Unsupported."""
        origins = marks.origins(self._source)
        found = {}
        for name, there in wanted.items():
            if self._here in origins.come.get(name, ()):
                self.leave_out(name, f"it has come from the target cluster ({self._here}); to turn a mirror round, delete the group "
                                     f"{marks.group_of(self._here)} at the source")  # fmt: skip
            else:
                found[name] = there
                self.left_out.pop(name, None)
        self._know(origins, found)
        return found

    def _know(self, origins, names):
        for name, there in names.items():
            self.came_from[there] = {self._source.cluster_id, *origins.come.get(name, ())}

    def leave_out(self, name, why):
        if self.left_out.get(name) != why:
            self.left_out[name] = why
            log.warning("%s is left out: %s", name, why)

    def clear(self, fresh):
        """Those of `fresh`, Partitions of which something has been read and nothing written, that may be written.

        Another mirror notes where a topic comes from before it writes there, so whoever has read something, and looks then, knows. Of two
        that begin in opposite directions at the same time both have claimed the topic before they look: then the cluster ids decide.
        Raises Lost, Refusal, Unsupported.
        """
        origins = marks.origins(self._source)
        self._know(origins, {one.topic: one.there for one in fresh})
        new = [one for one in fresh if one.topic not in self.noted | self._claimed and not self._is_taken(origins, one.topic)]
        if new:
            self._keep([marks.Mark(one.there, one.index, one.done, None) for one in new])
            self._claimed.update(one.topic for one in new)
            origins = marks.origins(self._source)
        yields = self._source.cluster_id > self._here
        given_up = {topic for topic in self._claimed if self._here in origins.come.get(topic, ()) or yields and self._is_taken(origins, topic)}
        marks.forget(self._target, self._group, [(one.there, one.index) for one in fresh if one.topic in given_up])
        self._claimed -= given_up
        return [
            one for one in fresh
            if one.topic in self.noted and self._here not in origins.come.get(one.topic, ())
            or one.topic in self._claimed and not self._is_taken(origins, one.topic)
        ]  # fmt: skip

    def _is_taken(self, origins, topic):
        return self._here in origins.come.get(topic, ()) or self._here in origins.claimed.get(topic, ())

    @property
    def _group(self):
        return marks.group_of(self._source.cluster_id)
