"""``python -m counterpoise``: the command line interface."""

import sys

from counterpoise.cli import main

if __name__ == "__main__":
    sys.exit(main())
