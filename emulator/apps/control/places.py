"""Where control sockets lie, so that a client finds them without being told.

Each server has one in a folder that only its user may enter: kafka-emulator/ in XDG_RUNTIME_DIR, else
kafka-emulator-UID/ in the folder for temporary files.
"""

import errno
import os
import socket
import stat

LONGEST_PATH = 103  # bytes of sun_path without its end: 107 on Linux, 103 on macOS and the BSDs
_ROOM_FOR_NAME = len("/65535-4194304.sock.new")


class PlaceError(Exception):
    """A place that cannot be used, in one line."""


def default_folders():
    """Where to put a socket, best first; where to look for one, all of them."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield os.path.join(runtime, "kafka-emulator")
    name = f"kafka-emulator-{os.geteuid()}"
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", name)
    yield folder if _has_room(folder) else os.path.join("/tmp", name)


def _has_room(folder):
    return len(os.fsencode(folder)) + _ROOM_FOR_NAME <= LONGEST_PATH


def private_folder():
    """The first default folder that is, or can be made, ours alone."""
    refusals = []
    for folder in default_folders():
        try:
            if not _has_room(folder):
                raise PlaceError(f"{folder} is too long for a Unix socket")
            _make_private(folder)
            return folder
        except (OSError, PlaceError) as error:
            refusals.append(str(error))
    raise PlaceError("; ".join(refusals))


def _make_private(folder):
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    if not is_private(folder):
        raise PlaceError(f"{folder} is not a folder that this user alone may enter")


def is_private(folder):
    """Whether `folder` is ours and nobody else's; a link somewhere is not."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def listen(path):
    """A listening socket at `path`, mode 0600 from its first moment; takes the place of a dead one of this user's.

    It appears only once it listens: whoever finds it refused knows that its server is gone. Raises
    PlaceError when the path is too long or taken, or others could put theirs in its place, OSError when its folder will not have it.
    """
    if len(os.fsencode(path)) > LONGEST_PATH - len(".new"):
        raise PlaceError(f"too long for a Unix socket: {LONGEST_PATH - len('.new')} bytes at most")
    _check_folder(os.path.dirname(path) or ".")
    if os.path.lexists(path):
        status = os.lstat(path)
        if not stat.S_ISSOCK(status.st_mode):
            raise PlaceError("there is something that is no socket")
        if status.st_uid != os.geteuid():
            raise PlaceError("the socket there is another user's")
        if is_alive(path):
            raise PlaceError("in use by another server")
    new = path + ".new"
    remove(new)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        umask = os.umask(0o177)
        try:
            listener.bind(new)
        finally:
            os.umask(umask)
        listener.listen(64)
        listener.setblocking(False)
        os.rename(new, path)
    except OSError:
        listener.close()
        remove(new)
        raise
    return listener


def _check_folder(folder):
    """Whoever may write into a folder may put a socket of theirs where ours was; not so in one like /tmp, by its sticky bit."""
    status = os.stat(folder)
    if status.st_uid not in (os.geteuid(), 0):
        raise PlaceError("its folder is another user's")
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise PlaceError("others may write into its folder")


def is_alive(path):
    """Whether somebody listens at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True


def remove(path):
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    except OSError:
        pass


def find():
    """The sockets of all this user's servers that live; removes the others."""
    found = []
    for folder in default_folders():
        if not is_private(folder):
            continue
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name.endswith(".sock"):
                if is_alive(path):
                    found.append(path)
                else:
                    remove(path)
    return found
