"""Runs the test_* functions of a script, whose last line is runner.main().

TSAGG_TEST_ONLY, a regular expression, picks some by "file.function".
"""
import os
import pathlib
import re
import signal
import sys
import time
import traceback

from .process import Process


def needs(server):
    """Marks a test that is left out where this server is not available."""
    def mark(fn):
        fn.needs = server
        return fn
    return mark


def main():
    module = sys.modules["__main__"]
    script = pathlib.Path(module.__file__).stem
    only = re.compile(os.environ.get("TSAGG_TEST_ONLY", ""))
    passed = failed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # by tests/run: what was started is removed all the same
    for name, fn in list(vars(module).items()):
        if not name.startswith("test_") or not only.search(f"{script}.{name}"):
            continue
        server = getattr(fn, "needs", None)
        if server and not server.available():
            print(f"left out {script}.{name}: {server.absent}", flush=True)
        elif run(name, fn):
            passed += 1
        else:
            failed += 1
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


def run(name, fn):
    begin = time.monotonic()
    try:
        fn()
    except BaseException as err:
        print(f"FAIL {name}")
        traceback.print_exc(file=sys.stdout)
        for proc in Process.current:
            print(f"--- log of {proc.name}\n{proc.log_tail()}")
        if not isinstance(err, Exception):
            raise
        return False
    else:
        print(f"ok {name} {time.monotonic() - begin:.1f}s", flush=True)
        return True
    finally:
        Process.clean_up()
