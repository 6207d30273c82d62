"""Scripts with which shells complete the command, made from its argument parsers."""

import argparse

_FILES = ("FILE", "DIR", "PATH", "zoo.cfg", "PATH|HOST:PORT")


def script(shell, parsers):
    """For bash, zsh or fish; `parsers`: {command: ArgumentParser}. What `serve` takes may stand without it."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](parsers)


def _options(parser):
    return [action for action in parser._actions if action.option_strings]


def _words(parser):
    """What a positional argument may be, where that is known."""
    return [word for action in parser._actions if not action.option_strings for word in action.choices or ()]


def _takes_value(action):
    return action.nargs != 0


def _help(action):
    return (action.help or "").replace("%(default)s", str(action.default)) if action.help is not argparse.SUPPRESS else ""


def _bash(parsers):
    cases, values = [], []
    for command, parser in parsers.items():
        words = " ".join([*_words(parser), *(name for action in _options(parser) for name in action.option_strings)])
        if command == "serve":
            cases.append(f'    *) words="{" ".join(parsers)} {words}" ;;')
        else:
            cases.insert(0, f'    {command}) words="{words}" ;;')
        for action in _options(parser):
            if _takes_value(action):
                values += [(name, action) for name in action.option_strings]
    files = sorted({name for name, action in values if action.metavar in _FILES})
    choices = {name: " ".join(action.choices) for name, action in values if action.choices}
    others = sorted({name for name, _ in values} - set(files) - set(choices))
    lines = "\n".join(cases)
    chosen = "\n".join(f'    {name}) COMPREPLY=($(compgen -W "{words}" -- "$cur")); return ;;' for name, words in sorted(choices.items()))
    return f"""\
_kafka_emulator() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words
  COMPREPLY=()
  case "$prev" in
{chosen}
    {"|".join(files)}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    {"|".join(others)}) return ;;
  esac
  case "${{COMP_WORDS[1]}}" in
{lines}
  esac
  if [ "$COMP_CWORD" -gt 1 ] && [ "${{cur:0:1}}" != "-" ] && [ -z "$words" ]; then return; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _kafka_emulator kafka-emulator
"""


def _zsh(parsers):
    def quoted(text):
        return text.replace("'", "'\\''").replace("[", "(").replace("]", ")").replace(":", "\\:")

    def arguments(parser):
        lines = []
        for action in _options(parser):
            value = ""
            if _takes_value(action):
                what = "_files" if action.metavar in _FILES else f"({' '.join(action.choices)})" if action.choices else " "
                value = f":{quoted(str(action.metavar or action.dest))}:{what}"
            lines += [f"'*{name}[{quoted(_help(action))}]{value}'" for name in action.option_strings]
        if words := _words(parser):
            lines.append(f"'1:what:({' '.join(words)})'")
        lines.append("'*: : '")
        return " \\\n        ".join(lines)

    commands = "\n".join(f"    '{quoted(command)}:{quoted(parser.description or '')}'" for command, parser in parsers.items())
    cases = "\n".join(f"    {command})\n      _arguments \\\n        {arguments(parser)} ;;" for command, parser in parsers.items())
    return f"""\
#compdef kafka-emulator
_kafka_emulator() {{
  local -a commands
  commands=(
{commands}
  )
  if (( CURRENT == 2 )) && [[ "$words[2]" != -* ]]; then
    _describe command commands
    return
  fi
  local command=$words[2]
  if [[ "$command" == -* ]]; then command=serve; else shift words; (( CURRENT-- )); fi
  case $command in
{cases}
  esac
}}
compdef _kafka_emulator kafka-emulator
"""


def _fish(parsers):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    none = "not __fish_seen_subcommand_from " + " ".join(parsers)
    lines = ["complete -c kafka-emulator -f"]
    for command, parser in parsers.items():
        lines.append(f"complete -c kafka-emulator -n {quoted(none)} -a {command} -d {quoted(parser.description or '')}")
        when = quoted(f"__fish_seen_subcommand_from {command}" if command != "serve" else f"__fish_seen_subcommand_from serve; or {none}")
        for action in _options(parser):
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings)
            value = "" if not _takes_value(action) else f" -x -a {quoted(' '.join(action.choices))}" if action.choices else " -r -F" if action.metavar in _FILES else " -x"
            lines.append(f"complete -c kafka-emulator -n {when} {names}{value} -d {quoted(_help(action))}")
        if words := _words(parser):
            lines.append(f"complete -c kafka-emulator -n {when} -a {quoted(' '.join(words))}")
    return "\n".join(lines) + "\n"
