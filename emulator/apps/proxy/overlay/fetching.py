"""Fetch of both sides: one session for the client, none at either side; whoever has bytes first answers for both.

The cluster behind is asked on a connection beside the client's own, as what it waits for may still be under way when the overlay has bytes:
its answer is then kept for the client's next request, which most likely asks for the same.
"""

from copy import copy

from gevent import GreenletExit, spawn

from emulator.api.data.fetch import by_topic, changes_of, open_context
from emulator.apps.proxy.rewriting import rewriter
from emulator.runtime.upstream.dial import Unreachable
from emulator.runtime.upstream.exchange import ask
from emulator.state.fetch_sessions import FINAL_EPOCH, INITIAL_EPOCH, INVALID_SESSION_ID, FetchSessions
from wire.apis.data import Fetch
from wire.errors import KafkaError

_IDS_SINCE = 13


class OfFetches:
    """`server`: the ProxyServer; `random`: of session ids."""

    def __init__(self, sides, server, random, slots=1000):
        self._sides = sides
        self._server = server
        self._sessions = FetchSessions(slots, random)
        self._behind = {}  # {a client's connection: _Behind}

    def concerns(self, request, call):
        is_ours = bool(self._sessions.partitions_of(request.session_id))
        if any(map(self._sides.has, request.topics)):
            return True
        if is_ours and request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._sessions.close(request.session_id)
            return False
        return is_ours

    def answer(self, asked):
        request, with_ids = asked.request, asked.version >= _IDS_SINCE
        try:
            session, partitions = open_context(request, with_ids, asked.call, self._sessions)
        except KafkaError as error:
            return Fetch.reply(error_code=error.error)
        response, found = self._both(asked, partitions, with_ids, is_full=session is None)
        if response.error_code:
            return response
        answers = [(partitions[key], found[key]) for key in partitions if key in found]
        session_id = INVALID_SESSION_ID
        if session is not None:
            session_id, answers = session.id, changes_of(session, answers)
        elif request.session_epoch == INITIAL_EPOCH:
            new = self._sessions.open(partitions, with_ids, asked.call.patience.now())
            if new is not None:
                session_id = new.id
                for cached, answer in answers:
                    cached.changed(answer)
        response.session_id, response.responses = session_id, by_topic(answers)
        return response

    def _both(self, asked, partitions, with_ids, is_full):
        """(an answer, {(topic or id, index): its partition}) of all `partitions`, {key: CachedPartition}."""
        whole = copy(asked.request)
        whole.session_id, whole.session_epoch, whole.forgotten_topics_data = INVALID_SESSION_ID, FINAL_EPOCH, ()
        ours = {key: one for key, one in partitions.items() if self._sides.has(one)}
        theirs = {key: one for key, one in partitions.items() if key not in ours}
        if not theirs or not ours:
            part = _of(whole, theirs or ours)
            response = asked.theirs(part) if theirs else asked.ours(part)
            return response, _found(response, with_ids)
        behind = self._connection(asked)
        return behind.race(asked, _of(whole, ours), _of(whole, theirs), theirs, with_ids, is_full)

    def _connection(self, asked):
        pair = asked.call.connection
        behind = self._behind.get(pair)
        if behind is None:
            behind = self._behind[pair] = _Behind(self._server, pair)
            pair.on_close.append(self._gone)
        return behind

    def _gone(self, pair):
        behind = self._behind.pop(pair, None)
        if behind is not None:
            behind.close()


def _of(request, partitions):
    """A request for these partitions, {key: CachedPartition}."""
    Topic = Fetch.Request.Topics
    topics = {}
    for one in partitions.values():
        topic = topics.setdefault((one.topic, one.topic_id), Topic(topic=one.topic, topic_id=one.topic_id, partitions=[]))
        topic.partitions.append(
            Topic.Partitions(
                partition=one.partition, current_leader_epoch=one.current_leader_epoch, fetch_offset=one.fetch_offset,
                last_fetched_epoch=one.last_fetched_epoch, log_start_offset=one.log_start_offset, partition_max_bytes=one.partition_max_bytes,
            )
        )  # fmt: skip
    request = copy(request)
    request.topics = list(topics.values())
    return request


def _found(response, with_ids):
    return {(topic.topic_id if with_ids else topic.topic, one.partition_index): one for topic in response.responses for one in topic.partitions}


def _says_something(found):
    return any(one.error_code or one.records and len(one.records) or one.diverging_epoch.epoch >= 0 or one.preferred_read_replica >= 0 for one in found.values())


class _Quiet:
    """A connection for who waits beside the client's own: nobody writes there, and its end is seen to elsewhere."""

    def __init__(self):
        self.out, self.on_close, self.is_open = [], [], True

    def flush(self):
        pass

    def watch_for_end(self, gone):
        pass

    unwatch = flush


class _Behind:
    """What a client's connection has under way at the cluster behind."""

    def __init__(self, server, pair):
        self._server = server
        self._pair = pair
        self._socket = None
        self._greenlet = None
        self._asked = {}  # {key: (offset, leader epoch)} of what is under way, or has been answered and not been used
        self._answer = None  # (response, what was found) of that
        self._last = {}  # key: the last answer about a partition, without records
        self._failure = None
        self._wake = None

    def race(self, asked, ours, theirs, wanted, with_ids, is_full):
        """(an answer, what was found) as soon as either side has something to say."""
        max_wait_ms = ours.max_wait_ms
        ours_now = _with_wait(ours, 0)
        here = asked.ours(ours_now)
        found = _found(here, with_ids)
        deadline = asked.call.patience.now() + max(max_wait_ms, 0)
        says = here.error_code or _says_something(found)
        while True:
            if self._answer is None and not self._is_under_way:
                is_quick = says or not self._may_do_without(wanted, is_full)
                left_ms = 0 if is_quick else max(deadline - asked.call.patience.now(), 0)
                self._begin(asked, _with_wait(theirs, left_ms), wanted, with_ids)
                if is_quick:
                    self._await(asked)
            is_over = says or asked.call.patience.now() >= deadline
            if self._is_under_way and not (is_over and self._may_do_without(wanted, is_full)):
                if is_over or not self._fits(wanted):
                    self._await(asked)
                else:
                    self._await_either(asked, ours, deadline)
                    here = asked.ours(ours_now)
                    found = _found(here, with_ids)
                    says = here.error_code or _says_something(found)
            self._check(asked)
            if self._answer is None:
                if (says or asked.call.patience.now() >= deadline) and self._may_do_without(wanted, is_full):  # the rest is for the next request
                    return here, {**found, **({key: self._last[key] for key in wanted} if is_full else {})}
                continue
            fits = self._fits(wanted)
            response, there = self._answer
            self._answer, self._asked = None, {}
            if response.error_code:
                return response, {}
            self._last = {key: _without_records(one) for key, one in there.items()}
            if not fits or not says and not _says_something(there) and asked.call.patience.now() < deadline:
                continue
            here.node_endpoints = [*response.node_endpoints, *here.node_endpoints]
            return here, {**there, **found}

    @property
    def _is_under_way(self):
        return self._greenlet is not None

    def _fits(self, wanted):
        return self._asked == _asked_of(wanted)

    def _may_do_without(self, wanted, is_full):
        """Whether an answer may say nothing new of the cluster behind: in a session it is left out, else told as it was."""
        return not is_full or all(key in self._last for key in wanted)

    # -- the connection beside the client's own -------------------------------------------------------

    def _begin(self, asked, request, wanted, with_ids):
        self._asked = _asked_of(wanted)
        self._greenlet = spawn(self._ask, request, asked.version, asked.call, with_ids)

    def _ask(self, request, version, call, with_ids):
        try:
            if self._socket is None:
                self._socket = self._dial()
            fields = {name: getattr(request, name) for name in request.fields_in_order}
            response = ask(self._socket, Fetch, version, client_id=call.client_id, **fields)
            if (rewrite := rewriter(Fetch, version)) is not None:
                rewrite(response, self._pair.front)
            self._answer = response, _found(response, with_ids)
        except (OSError, Unreachable) as error:
            self._failure = error
        except GreenletExit:
            return
        finally:
            self._greenlet = None
            if self._wake is not None:
                self._wake()

    def _dial(self):
        node = next((one for one in self._pair.front.nodes.values() if f"{one.kind} {one.id}" == self._pair.node), None)
        return self._server.dial_bootstrap() if node is None else self._server.dial([node.upstream])

    def _await(self, asked):
        """Until the cluster behind has answered."""
        pending = asked.call.pending()
        self._wake = pending.resolve
        try:
            if self._is_under_way:
                pending.wait()
        finally:
            self._wake = None

    def _await_either(self, asked, ours, deadline):
        """Until either side has answered, or the time is over."""
        pending = asked.call.pending()
        self._wake = pending.resolve
        helper = spawn(self._wait_here, asked, _with_wait(ours, max(deadline - asked.call.patience.now(), 0)), pending)
        try:
            if self._is_under_way:
                pending.wait()
        finally:
            self._wake = None
            helper.kill(block=False)

    def _wait_here(self, asked, request, pending):
        try:
            asked.ours(request, connection=_Quiet())
        except Exception:  # it is asked again, and says so then
            pass
        pending.resolve()

    def _check(self, asked):
        if self._failure is not None:
            failure, self._failure = self._failure, None
            asked.call.close(f"the cluster behind does not answer a fetch: {failure}")

    def close(self):
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
        if self._socket is not None:
            self._socket.close()


def _asked_of(wanted):
    return {key: (one.fetch_offset, one.current_leader_epoch, one.last_fetched_epoch) for key, one in wanted.items()}


def _with_wait(request, max_wait_ms):
    request = copy(request)
    request.max_wait_ms = max_wait_ms
    return request


def _without_records(partition):
    partition = copy(partition)
    partition.records, partition.error_code = (), 0
    return partition
