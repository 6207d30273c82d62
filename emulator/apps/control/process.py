"""The process itself, by the names that Prometheus's own clients use; what the system does not tell is left out."""

import os
import resource

from emulator.apps.control.exposition import Metric



def process_metrics():
    return (
        Metric("process_cpu_seconds_total", "counter", "Time of processors that it used", (), _cpu_seconds),
        Metric("process_resident_memory_bytes", "gauge", "Memory that it has", (), lambda server: _memory("VmRSS:")),
        Metric("process_virtual_memory_bytes", "gauge", "Memory that it has asked for", (), lambda server: _memory("VmSize:")),
        Metric("process_start_time_seconds", "gauge", "When it began, since the epoch", (), _start_time),
        Metric("process_open_fds", "gauge", "File descriptors that are open", (), _open_files),
        Metric("process_max_fds", "gauge", "File descriptors that may be", (), lambda server: [(resource.getrlimit(resource.RLIMIT_NOFILE)[0],)]),
    )


def _cpu_seconds(server):
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [(used.ru_utime + used.ru_stime,)]


def _memory(name):
    for line in _lines("/proc/self/status"):
        if line.startswith(name):
            return [(int(line.split()[1]) * 1024,)]
    return []


def _start_time(server):
    stat = " ".join(_lines("/proc/self/stat")).rpartition(")")[2].split()
    booted = [float(line.split()[1]) for line in _lines("/proc/stat") if line.startswith("btime")]
    if len(stat) < 20 or not booted:
        return []
    return [(booted[0] + int(stat[19]) / os.sysconf("SC_CLK_TCK"),)]


def _open_files(server):
    try:
        return [(len(os.listdir("/proc/self/fd")),)]
    except OSError:
        return []


def _lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
