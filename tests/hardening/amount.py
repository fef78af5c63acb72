"""How much the slow tests of this folder try."""

import os

CHUNK = 50
"""Cases per test, each test with a seed of its own, so that they can run side by side."""


def chunks(usual: int) -> range:
    """Return the seeds of as many tests as ``COUNTERPOISE_FUZZ`` cases take, or as usual."""
    return range(-(-int(os.environ.get("COUNTERPOISE_FUZZ", usual)) // CHUNK))
