import pytest

from emulator.state.ssl_principals import parse_rules

NAME = "CN=kafka1.example.com,OU=IT,O=Acme,L=Berlin,C=DE"


@pytest.mark.parametrize("rules, name", [
    ("DEFAULT", NAME),
    ("RULE:^CN=(.*?),OU=IT.*$/$1/", "kafka1.example.com"),
    ("RULE:^CN=(.*?),OU=IT.*$/$1@$2/", "kafka1.example.com@$2"),
    ("RULE:^CN=(.*?),OU=(.*?),.*$/$2.$1/U", "IT.KAFKA1.EXAMPLE.COM"),
    ("RULE:^CN=(.*?),OU=(.*?),.*$/$23/L", "it3"),
    ("RULE:^OU=(.*)$/$1/, RULE:^CN=([^.]+).*$/$1/L, DEFAULT", "kafka1"),
    ("RULE:^OU=(.*)$/$1/,DEFAULT", NAME),
    ("RULE:^.*O=(\\w+),.*$/a\\/$1\\$1/", "a/Acme$1"),
])  # fmt: skip
def test_the_first_rule_that_fits_the_whole_name(rules, name):
    assert parse_rules(rules)(NAME) == name


def test_without_one_there_is_no_principal():
    with pytest.raises(LookupError, match="No rules apply to CN=kafka1"):
        parse_rules("RULE:^OU=(.*)$/$1/")(NAME)


@pytest.mark.parametrize("rules", ["default", "RULE:^CN=(.*)$/$1", "RULE:^CN=(.*)$/$1/X", "DEFAULT RULE:a/b/", "RULE:(/b/"])
def test_what_is_no_rule(rules):
    with pytest.raises(ValueError, match="Invalid rule"):
        parse_rules(rules)
