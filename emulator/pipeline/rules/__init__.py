"""Rules around requests: who may ask for what, other names for topics, a line for each request, functions of the user's that see it decoded.

language   a description, refused where it cannot be      layer      rules around the routes of a broker, in their order
places     where messages name topics                     naming     topics under other names: prefix, rename
access     allow, deny, read-only                         logged     a request as one readable line
plugins    what a function of the user's may do

Imports nothing of runtime: the emulator and the proxy use it alike.
"""

from emulator.pipeline.rules.language import parse_rules
from emulator.pipeline.rules.layer import RuleLayer
from emulator.pipeline.rules.plugins import Asked

__all__ = ["Asked", "RuleLayer", "parse_rules"]
