"""Prometheus's text format, 0.0.4: families of samples, each family's lines together."""

from typing import Any, Callable, NamedTuple

KIND = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """`samples(server)` yields (label values ..., value), the value of a histogram being (bounds, counts of each bucket, sum)."""

    name: str
    kind: str  # counter, gauge, histogram
    about: str
    labels: tuple
    samples: Callable[[Any], Any]


def lines_of(metric, server):
    """The lines of one family, without ends; none where it has no sample."""
    described = False
    for *values, value in metric.samples(server):
        if not described:
            described = True
            yield f"# HELP {metric.name} {_escaped(metric.about)}"
            yield f"# TYPE {metric.name} {metric.kind}"
        labels = [f'{name}="{_quoted(str(one))}"' for name, one in zip(metric.labels, values)]
        if metric.kind == "histogram":
            yield from _histogram(metric.name, labels, *value)
        else:
            yield f"{metric.name}{_braces(labels)} {_number(value)}"


def _histogram(name, labels, bounds, counts, total):
    so_far = 0
    for bound, count in zip((*map(_number, bounds), "+Inf"), counts):
        so_far += count
        yield f"{name}_bucket{_braces([*labels, f'le={chr(34)}{bound}{chr(34)}'])} {so_far}"
    yield f"{name}_sum{_braces(labels)} {_number(total)}"
    yield f"{name}_count{_braces(labels)} {so_far}"


def _braces(labels):
    return f"{{{','.join(labels)}}}" if labels else ""


def _number(value):
    return str(int(value)) if isinstance(value, int) or value == int(value) and abs(value) < 1e15 else repr(value)


def _escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text):
    return _escaped(text).replace('"', '\\"')
