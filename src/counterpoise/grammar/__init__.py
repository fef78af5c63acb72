"""What a cell can be as a sequence of symbols; nothing here knows of tables or columns.

- ``_automaton``: small immutable automata, and how to combine them. Start here.
- ``_ranges``: the automata of numbers and of instants.
- ``_grammar``: the automata of all columns as flat arrays, for constrained decoding; which codes
  a cell can still become.
"""

from counterpoise.grammar._automaton import Automaton, expand, framed, from_sequences, from_steps

__all__ = ["Automaton", "expand", "framed", "from_sequences", "from_steps"]
