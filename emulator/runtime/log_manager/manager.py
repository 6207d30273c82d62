"""All logs of a broker on disk: opened at the start, in the right directories, flushed, checkpointed and closed.

Source: kafka.log.LogManager of Kafka 4.3.1.
"""

import logging
import os
import shutil
from threading import Lock
from errno import EDQUOT, EIO, ENODEV, ENOSPC, ENXIO, EROFS, ESTALE
from functools import partial

from gevent import get_hub, spawn
from gevent.event import Event
from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool

from emulator.runtime.disk import Descriptors, DiskFiles
from emulator.runtime.disk.offload import Offload
from emulator.runtime.disk_metadata import FILE_NAME, MetadataJournal
from emulator.runtime.log_manager.adoption import adopt, topic_id_of
from emulator.runtime.log_manager.checkpoint import (
    CLEANER_OFFSET, HIGH_WATERMARK, LOG_START_OFFSET, RECOVERY_POINT, read_offsets, write_offsets,
)  # fmt: skip
from emulator.runtime.log_manager.directory import DataDirectory
from emulator.runtime.log_manager.errors import StorageError
from emulator.runtime.log_manager.memory import INTERNAL_SEGMENT_BYTES
from emulator.state.cluster import leadership, names
from emulator.state.cluster.ids import new_uuid, uuid_of, uuid_text
from emulator.state.log import Log
from emulator.state.log.flush import Flusher
from emulator.state.log.formats import PARTITION_METADATA, pack_partition_metadata
from emulator.state.log_dirs import LogDirs
from wire.errors import KAFKA_STORAGE_ERROR, KafkaError

log_ = logging.getLogger(__name__)

_CHECKPOINTS = RECOVERY_POINT, LOG_START_OFFSET, CLEANER_OFFSET, HIGH_WATERMARK
_LOOK_S = 0.05  # between looks at how far a recovery has come
_CLOSERS = 16  # threads that wait for the disk, at the least
_METADATA_LOG = names.CLUSTER_METADATA
_LONGEST_SYNC = 30  # seconds; who waits longer is not answered
_OF_THE_DISK = {EDQUOT, EIO, ENODEV, ENOSPC, ENXIO, EROFS, ESTALE}  # errors that other partitions would meet as well


class LogManager:
    """`settings.log_directories` are locked from here on until `close`. Raises StorageError.

    `metadata`: the cluster's, with its journal; `cluster_id`: as it is written there, else the one that is given, or a new one.
    `progress(done, total, bytes_done, bytes_total)` is called as logs are recovered.
    Of several brokers `journal_at` is where their journal is, and `beside` the first one's LogManager, None for the first.

    Of several directories one that the disk refuses goes offline, with the partitions in it, until the next start: at once
    (but for the first, which has the metadata), or when it is written to. The last that is left is kept, and each of its
    partitions refuses what cannot be written.
    """

    def __init__(self, settings, time, patience, random, progress=None, beside=None, journal_at=None, cluster_id=None):
        self.cluster_id = cluster_id
        self._settings = settings
        self._time = time
        self.was_clean = True  # whoever used the directories last, once they are open
        self._patience = patience  # by which checkpoints are written: a crash comes when it comes
        self._random = random
        self._progress = progress
        self._journal = self._configs = None
        self._directories = []
        self._home = {}  # (topic, index) -> DataDirectory
        self._opened = {}  # (topic, index) -> Log, until the cluster asks for it
        self._unknown = {}  # topic -> {index: Found}, of topics that the metadata does not know
        self._logs = {}  # (topic, index) -> Log
        self._known = ()  # "topic id:index" of all partitions that there were, where some of them may be out of reach
        self._cluster = None
        self._call_soon = get_hub().loop.run_callback_threadsafe
        self._beside, self._is_one_of_several = beside, journal_at is not None
        self._descriptors = Descriptors() if beside is None else beside._descriptors
        self._flusher = Flusher(Offload()) if beside is None else beside._flusher
        self._timers = []
        self._checkpointing = Semaphore(1)
        self._writing = Lock()
        self._written = {}  # (directory, checkpoint) -> what is in it
        try:
            self._take_directories()
            if beside is None:
                self._journal = MetadataJournal(os.path.join(journal_at or self._directories[0].path, FILE_NAME))
        except BaseException:
            self._let_go()
            raise
        self.metadata = self._journal.metadata if beside is None else beside.metadata
        if beside is None and self.metadata.offset:
            # The same seed must not bring the same ids again.
            random.seed(random.getrandbits(64) ^ self.metadata.offset)
        self._deleted = self.metadata.table("deleted_topics")  # id -> name, until all their directories are renamed

    def _take_directories(self):
        for path in self._settings.log_directories:
            self._directories.append(DataDirectory(path))
        self._check_directories()
        known = [directory for directory in self._directories if directory.cluster_id is not None]
        if self._beside is not None:
            self.cluster_id = self._beside.cluster_id
        else:
            self.cluster_id = known[0].cluster_id if known else self.cluster_id or uuid_text(new_uuid(self._random))
        for directory in known + self._directories:
            if not directory.failed:
                try:
                    directory.claim(self.cluster_id, self._settings.node_id)
                except OSError as error:
                    directory.fail(error)
        self._check_directories()

    def _check_directories(self):
        if self._directories[0].failed:
            raise StorageError(self._directories[0].failed)

    def _online(self):
        return [directory for directory in self._directories if not directory.failed]

    # -- start -------------------------------------------------------------------------------------

    def open(self, configs):
        """Find the partitions of the cluster's topics and open their logs, recovering what the last server left open."""
        self._configs = configs
        wanted = []
        for directory in self._online():
            try:
                clean = directory.take_clean_marker()
                self.was_clean &= clean
                found = [one for one in directory.partitions() if one.topic != _METADATA_LOG]
            except OSError as error:
                directory.fail(error)
                self._check_directories()
                continue
            points, starts, cleaned, marks = (self._read_checkpoint(directory, name) for name in _CHECKPOINTS)
            mine = [one for one in found if self._belongs(directory, one)]
            if mine and not clean:
                log_.info("%s: the last server did not stop cleanly; %d logs are recovered", directory.path, len(mine))
            for one in mine:
                key = one.topic, one.index
                options = {"clean": clean, "recovery_point": points.get(key, 0), "log_start_offset": starts.get(key, 0)}
                wanted.append((directory, one, options, cleaned.get(key, 0), marks.get(key, 0)))
        for directory in self._directories:
            if directory.failed:
                log_.error("%s is offline, and so are the partitions in it: %s", directory.path, directory.failed)
                self._known = set(self.metadata.table("partitions"))
        self._open_all(wanted, configs)

    def _read_checkpoint(self, directory, name):
        try:
            return read_offsets(directory.at(name))
        except (OSError, ValueError) as reason:
            log_.warning("%s is left out of account: %s", directory.at(name), reason)
            return {}

    def _belongs(self, directory, found):
        """Whether this directory is to be opened; one that the cluster does not want is put out of the way."""
        if found.fate == "delete":
            self._remove_later(found.path)
        if found.fate is not None:
            if found.fate != "delete":
                log_.warning("%s is left alone", found.path)
            return False
        topics, topic_id = self.metadata.table("topics"), topic_id_of(found)
        text = topic_id and uuid_text(topic_id)
        if text in self._deleted:
            self._put_away(directory, found, "delete")
            return False
        if text is None:
            text = next((one for one, name in topics.items() if name == found.topic), None)
        key = found.topic, found.index
        partition = self.metadata.table("partitions").get(f"{text}:{found.index}")
        if topics.get(text) == found.topic and partition is not None and self._settings.node_id in partition["replicas"]:
            pass
        elif text in topics or found.topic in dict(topics.items()).values() or self._is_one_of_several:
            self._put_away(directory, found, "stray")
            return False
        else:
            others = self._unknown.setdefault(found.topic, {})
            if any(topic_id_of(other) != topic_id for other in others.values()):
                self._put_away(directory, found, "stray")
                return False
            others[found.index] = found
        if key in self._home:
            raise StorageError(
                f"Duplicate log directories for {found.topic}-{found.index} are found in both {self._home[key].path} "
                f"and {directory.path}: remove one of them"
            )
        self._home[key] = directory
        return True

    def _put_away(self, directory, found, fate):
        try:
            renamed = directory.rename(found.topic, found.index, found.path, fate)
        except OSError as error:
            log_.error("%s: %s", found.path, error.strerror)
            return
        if fate == "delete":
            self._remove_later(renamed)
        else:
            log_.warning("%s belongs to no partition of this cluster and was renamed to %s", found.path, os.path.basename(renamed))

    def _open_all(self, wanted, configs):
        if not wanted:
            return
        openings = [Opening(found.path, options["clean"]) for _, found, options, *_ in wanted]
        clean = [(*one, configs, opening) for one, opening in zip(wanted, openings) if opening.clean]
        recovering = [(*one, configs, opening) for one, opening in zip(wanted, openings) if not opening.clean]
        pool = ThreadPool(min(configs.settings.num_recovery_threads_per_data_dir * len(self._directories), len(recovering)) or 1)
        try:
            tasks = [pool.spawn(self._open_each, clean), *(pool.spawn(self._open_one, *one) for one in recovering)]
            for task in tasks:
                while not task.ready():
                    task.wait(_LOOK_S)
                    self._tell(openings)
                task.get()
            self._tell(openings)
        finally:
            pool.kill()

    def _tell(self, openings):
        read = [one for one in openings if one.size]
        if read and self._progress is not None:
            done = sum(one.done for one in read)
            self._progress(done, len(read), sum(one.read for one in read), sum(one.size for one in read))

    def _open_each(self, all):
        for one in all:
            self._open_one(*one)

    def _open_one(self, directory, found, options, first_dirty, high_watermark, configs, opening):
        """May run in another thread."""
        topic_id = None if topic_id_of(found) else self._known_id(found.topic)
        log = self._make(found.topic, found.index, configs.topic(found.topic), directory, topic_id=topic_id, on_read=opening.has_read, **options)
        log.first_dirty_offset = min(first_dirty, log.end_offset)
        if self._is_one_of_several:  # what is beyond may be on this broker only, until followers have said how far they are
            log.high_watermark = min(max(high_watermark, log.log_start_offset), log.end_offset)
        self._opened[found.topic, found.index] = log
        opening.end()

    def _known_id(self, topic):
        for text, name in self.metadata.table("topics").items():
            if name == topic:
                return uuid_of(text)
        return None

    def _make(self, topic, index, config, directory, **options):
        name = f"{topic}-{index}"
        if topic in names.INTERNAL:
            options["largest_segment"] = INTERNAL_SEGMENT_BYTES
        files = PartitionFiles(self, directory, topic, index, self._descriptors)
        if options.get("topic_id") is not None:
            files.write_topic_id(options["topic_id"])
        return Log(name, config, self._time, self._random, files, flusher=self._flusher, **options)

    # -- the cluster's questions -------------------------------------------------------------------

    def new_log(self, topic, index, config, broker_id):
        """The log of a partition: the one that was there, or a new one where there are fewest."""
        key = topic.name, index
        log = self._opened.pop(key, None)
        if log is None:
            log = self._new_log(topic, index, config)
        log.config = config  # what is adopted was opened before its configs were known
        log.on_failure = partial(self._log_failed, key, broker_id)
        self._logs[key] = log
        return log

    def _new_log(self, topic, index, config):
        key = topic.name, index
        if key not in self._home:
            if f"{uuid_text(topic.topic_id)}:{index}" in self._known:
                lost = next(directory for directory in self._directories if directory.failed)
                self._home[key] = lost
                return Log(f"{topic.name}-{index}", config, self._time, self._random, OfflineFiles(lost), flusher=self._flusher)
            counts = {one: 0 for one in self._online()}
            for home in self._home.values():
                if not home.failed:
                    counts[home] += 1
            self._home[key] = min(counts, key=counts.get)
        log = self._make(topic.name, index, config, self._home[key], topic_id=topic.topic_id, clean=False)
        log.begin_epoch(0)
        return log

    # -- what the disk refuses ---------------------------------------------------------------------

    def refused(self, directory, error):
        """The disk refused something in a DataDirectory, with this OSError. Any thread may say so."""
        if error.errno in _OF_THE_DISK:
            self._call_soon(self._lose, directory, error)

    def _lose(self, directory, error):
        if self._cluster is None or self._online() in ([directory], []) or directory.failed:
            return
        directory.fail(error)
        log_.critical("%s goes offline, and with it the partitions in it: %s", directory.path, directory.failed)
        for key, log in list(self._logs.items()):
            if self._home[key] is directory and not log.closed:
                log.fail(f"its directory is offline: {directory.failed}")

    def _log_failed(self, key, broker_id):
        partition = self._cluster and self._cluster.partition(*key)
        if partition is not None:
            try:
                leadership.log_failed(self._cluster, partition, broker_id)
            except KafkaError:
                pass  # the metadata cannot be written: who looks after the disk has been told

    def log_dirs(self, cluster, broker_id):
        """What an administrator may ask about these directories."""

        def place(partition):
            return self._home[partition.topic.name, partition.index].path

        def space(path):
            if path not in (directory.path for directory in self._online()):
                return None
            try:
                disk = os.statvfs(path)
            except OSError:
                return -1, -1
            return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize

        return LogDirs(cluster, broker_id, [directory.path for directory in self._directories], place, space)

    def stopped_cleanly(self, broker_id):
        """Whether who used the directories last ended as it should, so that it lost nothing."""
        return self.was_clean

    def started(self, cluster):
        """The cluster is there: it adopts what nobody knew, and its logs are looked after from now on."""
        self._cluster = cluster
        if self._beside is None:
            cluster.on_remove.append(lambda topic: self._deleted.put(uuid_text(topic.topic_id), topic.name))
        cluster.on_delete.append(self._topic_deleted)
        if self._unknown:
            adopt(cluster, self._unknown, self._directories, self._random)
            self._unknown.clear()
        self._forget_deleted(list(self._deleted))
        settings = self._settings
        self._flusher.start(self._logs.values, settings.log_flush_scheduler_interval_ms, self._time)
        self._every(settings.log_flush_offset_checkpoint_interval_ms, lambda: self.checkpoint((RECOVERY_POINT, CLEANER_OFFSET)))
        self._every(settings.log_flush_start_offset_checkpoint_interval_ms, lambda: self.checkpoint((LOG_START_OFFSET,)))
        self._every(settings.replica_high_watermark_checkpoint_interval_ms, lambda: self.checkpoint((HIGH_WATERMARK,)))

    def _topic_deleted(self, topic):
        for partition in topic.partitions:
            self._home.pop((topic.name, partition.index), None)
            self._logs.pop((topic.name, partition.index), None)
        self._forget_deleted([uuid_text(topic.topic_id)])
        spawn(self.checkpoint)  # a topic of the same name must not inherit recovery points

    def _forget_deleted(self, texts):
        """No directory of these topics is left, unless it is offline: then it goes when it comes back."""
        if self._beside is None and len(self._online()) == len(self._directories):
            for text in texts:
                self._deleted.remove(text)

    def remove_later(self, directory, topic, index, path):
        """Put the directory of a deleted partition out of the way; its files go after file.delete.delay.ms. Raises OSError."""
        self._home.pop((topic, index), None)
        self._logs.pop((topic, index), None)
        self._remove_later(directory.rename(topic, index, path, "delete"))

    def _remove_later(self, path):
        delay = self._configs.settings.log_segment_delete_delay_ms

        def remove():
            spawn(get_hub().threadpool.apply, shutil.rmtree, (path, True))

        self._time.after(delay, remove)

    # -- what is answered once it is on disk -------------------------------------------------------

    def changes(self):
        """Grows with each change of the metadata, and with what coordinators write where flush.messages asks for more."""
        return self.metadata.offset + self._flusher.owed

    def settle(self, before=None):
        """Wait until all changes so far are on disk. Raises KafkaError KAFKA_STORAGE_ERROR."""
        self._journal.settle()
        for log, offset in list(self._flusher.owing.items()):
            reached = Event()

            def moved(log=log, offset=offset, reached=reached):
                if log.closed or log.high_watermark >= offset:
                    reached.set()

            log.watch(moved)
            moved()
            try:
                if not reached.wait(_LONGEST_SYNC):
                    raise KafkaError(KAFKA_STORAGE_ERROR, f"{log.name} has not been synced for {_LONGEST_SYNC} seconds")
            finally:
                log.unwatch(moved)
            if log.failed is not None:
                raise log.refusal()

    # -- what a restart needs ----------------------------------------------------------------------

    def _every(self, interval, action):
        def due():
            spawn(action)
            self._timers[:] = [timer for timer in self._timers if timer.pending]
            self._timers.append(self._patience.after(interval, due))

        self._timers.append(self._patience.after(interval, due))

    def checkpoint(self, wanted=_CHECKPOINTS):
        """Write down how far each log is flushed, where it begins, how far it is compacted and on all replicas; others go on meanwhile."""
        with self._checkpointing:
            for directory, files in self._checkpoints():
                for name in wanted:
                    try:
                        if name == RECOVERY_POINT:
                            get_hub().threadpool.apply(self.write_recovery_points, (directory,))
                        elif self._written.get((directory, name)) != files[name]:
                            get_hub().threadpool.apply(write_offsets, (directory.at(name), files[name]))
                            self._written[directory, name] = files[name]
                    except OSError as error:
                        log_.error("%s: %s", directory.at(name), error.strerror)
                        self.refused(directory, error)

    def write_recovery_points(self, directory):
        """As they are now: one that has just gone back must not be written over by an older one. Blocks; raises OSError."""
        with self._writing:
            write_offsets(directory.at(RECOVERY_POINT), {key: log.recovery_point for key, log in self._lasting(directory)})

    def _lasting(self, directory):
        """[((topic, index), log)] of the logs in it."""
        logs = list(self._logs.items())  # all at once: this may be another thread
        return [(key, log) for key, log in logs if self._home.get(key) is directory and not log.closed and log.files.lasting]

    def _checkpoints(self):
        """[(directory, {file: {(topic, index): offset}})]"""
        found = []
        for directory in self._online():
            logs = self._lasting(directory)
            found.append((directory, {
                RECOVERY_POINT: {key: log.recovery_point for key, log in logs},
                LOG_START_OFFSET: {key: log.log_start_offset for key, log in logs if log.log_start_offset > log.segments[0].base_offset},
                CLEANER_OFFSET: {key: log.first_dirty_offset for key, log in logs if log.first_dirty_offset},
                HIGH_WATERMARK: {key: log.high_watermark for key, log in logs},
            }))  # fmt: skip
        return found

    def close(self):
        """A clean stop: every log flushed, all checkpoints written, the directories free for the next. Blocks."""
        for timer in self._timers:
            timer.cancel()
        failed = set()
        idle = Event()  # two that sync one log at a time would write the same files
        self._flusher.drain(idle.set)
        idle.wait(_LONGEST_SYNC)
        written = self._checkpoints()
        pool = ThreadPool(max(_CLOSERS, self._settings.num_recovery_threads_per_data_dir))
        for _ in pool.imap_unordered(_close, self._logs.values()):
            pass
        pool.kill()
        for key, log in self._logs.items():
            if log.failed is not None and not self._home[key].failed:
                failed.add(self._home[key])
                log_.error("%s: %s", log.name, log.failed)
        for directory, files in written:
            try:
                files[RECOVERY_POINT] = {key: self._logs[key].recovery_point for key in files[RECOVERY_POINT]}
                for name, offsets in files.items():
                    write_offsets(directory.at(name), offsets)
                if directory not in failed:
                    directory.mark_clean()
            except OSError as error:
                log_.error("%s: %s", error.filename or directory.path, error.strerror)
        self._let_go()

    def abandon(self):
        """The start has failed: whoever comes next finds all as after a crash."""
        self._let_go()

    def _let_go(self):
        if self._journal is not None:
            self._journal.close()
        for directory in self._directories:
            directory.close()


class OfflineFiles:
    """Stands for what is in a DataDirectory that cannot be used."""

    lasting = True
    memory = None

    def __init__(self, directory):
        self._reason = f"its directory may be offline: {directory.failed}"

    def names(self):
        raise KafkaError(KAFKA_STORAGE_ERROR, self._reason)

    def delete(self):
        """It goes when it comes back."""


class PartitionFiles(DiskFiles):
    """A partition's directory, which the manager puts away when the partition is deleted."""

    def __init__(self, manager, directory, topic, index, descriptors):
        super().__init__(directory.partition_path(topic, index), descriptors)
        self._manager = manager
        self._directory = directory
        self._partition = topic, index

    def write_topic_id(self, topic_id):
        """Not synced: the journal knows it as well, and who makes a thousand partitions should not wait a thousand times."""
        if not os.path.exists(self.at(PARTITION_METADATA)):
            try:
                with open(self.at(PARTITION_METADATA), "wb") as file:
                    file.write(pack_partition_metadata(topic_id))
            except OSError:
                pass  # the log will say so

    def trouble(self, what, error):
        self._manager.refused(self._directory, error)
        return super().trouble(what, error)

    def lowered(self):
        with self.trying("cannot write the checkpoint of"):
            self._manager.write_recovery_points(self._directory)

    def delete(self):
        with self.trying("cannot put away"):
            self._manager.remove_later(self._directory, *self._partition, self.path)


class Opening:
    """How far one log has been read, of those that must be: without a clean stop, or an index.

    `size` bytes, 0 as long as nothing is to be read; `read` of them; `done`: it is open.
    """

    def __init__(self, path, clean):
        self.clean = clean
        self.size = 0 if clean else _size_of(path)
        self.read = 0
        self.done = False
        self._path = path

    def has_read(self, count):
        if not self.size:
            self.size = _size_of(self._path)
        self.read = min(self.read + count, self.size)

    def end(self):
        self.read, self.done = self.size, True


def _close(log):
    try:
        log.close()
    except KafkaError as error:
        log.failed = str(error)


def _size_of(path):
    try:
        with os.scandir(path) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.name.endswith(".log"))
    except OSError:
        return 0
