"""A tree of the parser against whole topic names, in linear time whatever the expression."""

from emulator.state.regex.characters import WORD, span
from emulator.state.regex.parser import BEGIN, BOUNDARY, END, InvalidRegex

MAX_SIZE = 100_000
# Instructions of a program: (op, argument, next) and a second way out for SPLIT.
CHAR, ASSERT, SPLIT, MATCH = range(4)


class Matcher:
    """A tree as a program of instructions that is walked for all possible ways at once (Thompson)."""

    def __init__(self, tree):
        self._program = [(MATCH, None, None)]
        self._start = self._emit(tree, 0)

    def _add(self, *instruction):
        if len(self._program) > MAX_SIZE:
            raise InvalidRegex("expression too large")
        self._program.append(instruction)
        return len(self._program) - 1

    def _emit(self, tree, then):
        """Where the program of `tree` begins, which goes on at `then`."""
        kind = tree[0]
        if kind == "class":
            return self._add(CHAR, tree[1], then)
        if kind == "assert":
            return self._add(ASSERT, tree[1], then)
        if kind == "cat":
            for part in reversed(tree[1]):
                then = self._emit(part, then)
            return then
        if kind == "alt":
            start = self._emit(tree[1][-1], then)
            for branch in reversed(tree[1][:-1]):
                start = self._add(SPLIT, self._emit(branch, then), start)
            return start
        _, inner, low, high = tree
        if high is None:
            loop = self._add(SPLIT, then, then)
            self._program[loop] = (SPLIT, self._emit(inner, loop), then)
            then = loop
        else:
            end = then
            for _ in range(high - low):
                then = self._add(SPLIT, self._emit(inner, then), end)
        for _ in range(low):
            then = self._emit(inner, then)
        return then

    def __call__(self, name):
        program = self._program
        waiting = [self._start]
        previous = None
        for position in range(len(name) + 1):
            following = name[position] if position < len(name) else None
            bit = 0 if following is None else span(ord(following), ord(following))
            seen, stack, after = set(), waiting, []
            while stack:
                at = stack.pop()
                if at in seen:
                    continue
                seen.add(at)
                op, argument, then = program[at]
                if op == CHAR:
                    if argument & bit:
                        after.append(then)
                elif op == SPLIT:
                    stack.append(argument)
                    stack.append(then)
                elif op == MATCH:
                    if following is None:
                        return True
                elif _holds(argument, previous, following):
                    stack.append(then)
            if not after:
                return False
            waiting, previous = after, following
        return False


def _holds(assertion, previous, following):
    if assertion == BEGIN:
        return previous is None
    if assertion == END:
        return following is None
    return (_is_word(previous) != _is_word(following)) == (assertion == BOUNDARY)


def _is_word(character):
    return character is not None and ord(character) < 128 and bool(WORD >> ord(character) & 1)
