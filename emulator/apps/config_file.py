"""config.yaml -> the text of each key, as Kafka would read it from server.properties.

A YAML mapping with Kafka's dotted names as keys. A value is taken as it is written (`yes` is the text
"yes", no boolean), so that types are Kafka's and not YAML's; a list stands for its items with commas.
"""

from emulator.apps.errors import UsageError


SCRAM_USERS = "scram.users"
LISTS = ("rules", "faults", SCRAM_USERS)  # keys of lists of mappings


class ConfigFile:
    """values: {key: text}; lists: {one of LISTS: [({word: text}, line)]}; where(key): where it stands, for messages."""

    def __init__(self, path, values, lines, lists=None):
        self.path = path
        self.values = values
        self.lists = lists or {}
        self._lines = lines

    def where(self, key):
        return f"{self.path}, line {self._lines[key]}" if key in self._lines else self.path


def read_config_file(path):
    """Raises UsageError, with the line where there is one."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from None
    import yaml  # 20 ms that a start without a file need not spend

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise UsageError(_syntax_error(path, error)) from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    if root is None:  # nothing but comments
        return ConfigFile(path, {}, {})
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{path}, line {_line(root)}: expected `key: value` lines")
    values, lines, lists = {}, {}, {}
    for key_node, value_node in root.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise UsageError(f"{path}, line {_line(key_node)}: a key must be plain text")
        key, line = key_node.value, _line(key_node)
        if key in lines:
            raise UsageError(f"{path}, line {line}: {key} is given twice, first in line {lines[key]}")
        lines[key] = line
        if key in LISTS:
            lists[key] = _mappings(path, key, value_node, yaml)
        else:
            values[key] = _text(path, line, key, value_node, yaml)
    return ConfigFile(path, values, lines, lists)


def _mappings(path, key, node, yaml):
    """Of a list of mappings, each with its line."""
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(one, yaml.MappingNode) for one in node.value):
        raise UsageError(f"{path}, line {_line(node)}: {key} is a list of mappings, each of which begins with a -")
    found = []
    for one in node.value:
        words = {}
        for word, value in one.value:
            line = _line(word)
            if not isinstance(word, yaml.ScalarNode):
                raise UsageError(f"{path}, line {line}: the words of {key} must be plain text")
            if word.value in words:
                raise UsageError(f"{path}, line {line}: {word.value} is given twice")
            words[word.value] = _text(path, line, word.value, value, yaml)
        found.append((words, _line(one)))
    return found


def _text(path, line, key, node, yaml):
    if isinstance(node, yaml.SequenceNode):
        return ",".join(_text(path, line, key, item, yaml) for item in node.value)
    if isinstance(node, yaml.MappingNode):
        inner = next((f".{k.value}" for k, _ in node.value if isinstance(k, yaml.ScalarNode)), "")
        raise UsageError(f"{path}, line {line}: {key} must have one value; nested names are written with dots: {key}{inner}")
    if node.tag == "tag:yaml.org,2002:null":
        raise UsageError(f"{path}, line {line}: {key} has no value")
    return node.value


def _line(node):
    return node.start_mark.line + 1


def _syntax_error(path, error):
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else path
    return f"{where}: not YAML: {problem}"
