"""ssl.principal.mapping.rules: from the name in a client's certificate to the name of a principal (KIP-371, SslPrincipalMapper)."""

import re

_PART = r"(?:\\.|[^\\/])*"
_RULE = re.compile(rf"\s*(?:(?P<default>DEFAULT)|RULE:(?P<pattern>{_PART})/(?P<replacement>{_PART})/(?P<case>[LU]?)|(?P<empty>))\s*(?P<end>,\s*|$)")


def parse_rules(text):
    """`name_of(distinguished name)`, which raises LookupError where no rule applies. Raises ValueError for what is no list of rules."""
    text, position, rules = text.strip(), 0, []
    while position < len(text):
        match = _RULE.match(text, position)
        if match is None or match.end() == position:
            raise ValueError(f"Invalid rule: {text[position:]}")
        position = match.end()
        if match["default"]:
            rules.append(lambda name: name)
        elif match["pattern"] is not None:
            try:
                rules.append(_rule(match["pattern"], match["replacement"], match["case"]))
            except re.error as error:
                raise ValueError(f"Invalid rule: {match['pattern']}: {error}") from None

    def name_of(distinguished_name):
        for rule in rules:
            if (name := rule(distinguished_name)) is not None:
                return name
        raise LookupError(f"No rules apply to {distinguished_name}")

    return name_of


def _rule(pattern, replacement, case):
    compiled = re.compile(pattern)
    template = _template(replacement, compiled.groups)

    def rule(name):
        match = compiled.fullmatch(name)
        if match is None:
            return None
        made = "".join(one if isinstance(one, str) else match[one] or "" for one in template)
        return made.lower() if case == "L" else made.upper() if case == "U" else made

    return rule


def _template(replacement, groups):
    """[text or number of a group] of a replacement with $1 ..., in which \\ takes away what a character means.

    Of $123 as many digits are a number as there is a group for; without one it is text.
    """
    made, position = [], 0
    for match in re.finditer(r"\\(.)|\$(\d+)", replacement):
        made.append(replacement[position : match.start()])
        position = match.end()
        if match[1] is not None:
            made.append(match[1])
            continue
        digits = match[2]
        while len(digits) > 1 and int(digits) > groups:
            digits = digits[:-1]
        if int(digits) <= groups:
            made += [int(digits), match[2][len(digits) :]]
        else:
            made.append(match[0])
    made.append(replacement[position:])
    return made
