"""Waiting for conditions, never for time to pass."""

import time

SECONDS = 20


def until(look, what, seconds=SECONDS):
    """The first true value of look(); fails with what (a text, or a function that makes one) when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)
