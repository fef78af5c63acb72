"""What may be written in a cell: automata over symbols, compiled into arrays once per table.

Nothing here knows of tables or columns.

- ``_automaton``: small immutable automata, and how to combine them.
- ``_numbers``, ``_calendar``: the automata of numbers and of instants.
- ``_grammar``: the automata of all columns as flat arrays, for constrained decoding.
"""
