"""docs/CONFIGS.md: every config of brokers, topics and groups in one place, written by tools/configs."""

from emulator.state.configs import documentation
from emulator.state.configs.broker import QUICK_START, key_of
from emulator.state.configs.group import GROUP
from emulator.state.configs.inert import DYNAMIC_ONLY, INERT, ONLY_TOLD, ONLY_TOLD_OF_TOPICS
from emulator.state.configs.topic import TOPIC

_HEAD = """# Configs

Every broker, topic and group config of Apache Kafka 4.3.1, with Kafka's types and defaults. Written by `tools/configs`.

**Effect**: *yes* changes what this emulator does; *no* is checked, kept and described as Kafka does, and changes nothing, for
there is nothing here that could heed it (threads, other nodes, TLS, remote storage ...).
**Changes**: *at start* by `config.yaml` only; *broker* and *cluster* also while it runs (`kafka-configs.sh`), for one broker or for all.
A key that is in none of these tables is refused in `config.yaml`; a dynamic one is kept and described, as Kafka keeps it.
"""
_COLUMNS = ("Key", "Type", "Default", "Values", "Importance", "Changes", "Effect", "What for")
_EFFECT = _COLUMNS.index("Effect")


def table():
    """The whole text."""
    names = [*documentation.BROKER, *DYNAMIC_ONLY]
    brokers = [_broker(key_of(name), {**documentation.BROKER, **documentation.DYNAMIC_ONLY}[name]) for name in names]
    heeded = [row for row in brokers if row[_EFFECT] == "yes"]
    unheeded = [row for row in brokers if row[_EFFECT] == "no"]
    topics = [_row(key, "", "yes", "no" if key.name in ONLY_TOLD_OF_TOPICS else "yes", key.documentation) for key in TOPIC.values() if not key.internal]
    groups = [_row(GROUP[name], importance, "yes", "yes", text) for name, (importance, text) in documentation.GROUP.items()]
    parts = [_HEAD]
    for title, rows in (("Brokers", heeded), ("Topics", topics), ("Groups", groups), ("Brokers: without effect", unheeded)):
        parts += [f"\n## {title}\n", _line(_COLUMNS), _line(["---"] * len(_COLUMNS)), *map(_line, rows)]
    return "\n".join(parts) + "\n"


def _broker(key, documented):
    importance, text = documented
    changes = "at start" if not key.dynamic else "broker" if key.per_broker else "broker, cluster"
    effect = "no" if key.name in INERT or key.name in ONLY_TOLD or key.name in DYNAMIC_ONLY else "yes"
    if key.name in QUICK_START and QUICK_START[key.name] != key.default:
        text = f"{text} (Here {QUICK_START[key.name]} unless set: quick start.)"
    return _row(key, importance, changes, effect, text)


def _row(key, importance, changes, effect, text):
    default = "" if key.default is None and key.synonyms else "null" if key.default is None else key.default or '""'
    if key.synonyms:
        default = f"{default} ({', '.join(name for name, _ in key.synonyms)})".strip()
    return (f"`{key.name}`", key.type.lower(), default, getattr(key.check, "words", ""), importance, changes, effect, text)


def _line(cells):
    return f"| {' | '.join(cells)} |"
