"""Waiting for a condition with a deadline, and the scale of the tests."""
import os
import time

SCALE = float(os.environ.get("TSAGG_TEST_SCALE", "1"))


def scaled(n, least=1):
    """A number of lines or seconds, smaller where the build under test is slow."""
    return max(least, type(n)(n * SCALE))


def until(fn, deadline_s, what):
    """Poll fn() until it is truthy and return that; TimeoutError names what was waited for and the last answer."""
    end = time.monotonic() + deadline_s
    pause_s = 0.005
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() >= end:
            raise TimeoutError(f"{what}: not within {deadline_s:g} s (last answer {got!r})")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)
