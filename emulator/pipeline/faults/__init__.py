"""Faults on demand: when a request is such and such, then this goes wrong.

words, language   a description, refused where it cannot be      fault     one fault: its conditions, its hits
levels            at which of an answer's places for errors (pipeline/answers/shapes.py) one stands
layer, plan, run  around the routes of a broker: which faults a request meets, and what they do
fetching          sessions, and records made wrong               sending   frames made wrong

Imports nothing of runtime: the emulator and the proxy use it alike.
"""

from emulator.pipeline.faults.fault import Fault
from emulator.pipeline.faults.language import ACTIONS, WORDS
from emulator.pipeline.faults.layer import FaultLayer
from emulator.pipeline.faults.table import Faults

__all__ = ["ACTIONS", "WORDS", "Fault", "FaultLayer", "Faults"]
