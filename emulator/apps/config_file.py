"""config.yaml -> the text of each key, as Kafka would read it from server.properties.

A YAML mapping with Kafka's dotted names as keys. A value is taken as it is written (`yes` is the text
"yes", no boolean), so that types are Kafka's and not YAML's; a list stands for its items with commas.
"""

from emulator.apps.errors import UsageError


class ConfigFile:
    """values: {key: text}; line_of(key): where it stands, for messages."""

    def __init__(self, path, values, lines):
        self.path = path
        self.values = values
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
    values, lines = {}, {}
    for key_node, value_node in root.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise UsageError(f"{path}, line {_line(key_node)}: a key must be plain text")
        key, line = key_node.value, _line(key_node)
        if key in lines:
            raise UsageError(f"{path}, line {line}: {key} is given twice, first in line {lines[key]}")
        lines[key] = line
        values[key] = _text(path, line, key, value_node, yaml)
    return ConfigFile(path, values, lines)


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
