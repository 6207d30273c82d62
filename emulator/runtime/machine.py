"""What the machine, or the container that it looks like from here, has."""

import os
import resource

_PLENTY = 1 << 16  # of descriptors, where there is no limit
_UNLIMITED = 1 << 60  # cgroups of version 1 say "no limit" by a number as large as this


def memory_bytes(root="/"):
    """Of the machine, or fewer where a cgroup (version 1 or 2) allows fewer. `root`: where to look, in tests."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, name = "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # A container may see its own cgroup as the uppermost; elsewhere each above it may allow fewer.
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            text = _read(os.path.join(root, folder, *parts[:depth], name)).strip()
            if text.isdigit() and int(text) < _UNLIMITED:
                found.append(int(text))
    return min(found)


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def most_descriptors():
    """How many descriptors this process may have, once that has been raised as far as it goes (as a JVM does)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _PLENTY
    if hard == resource.RLIM_INFINITY or hard > soft:
        try:
            raised = hard if hard != resource.RLIM_INFINITY else max(soft, _PLENTY)
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            return raised
        except (OSError, ValueError):
            pass
    return soft
