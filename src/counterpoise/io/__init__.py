"""Tables in files, for the command line.

- ``_files``: read and write a table by its file's suffix; checks of a destination; atomic writes
- ``_cells``: what such cells mean (numbers, dates, missing), and values written in their form

Start with `read_table` in ``_files``.
"""
