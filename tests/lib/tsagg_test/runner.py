"""Runs the test_* functions of a script.

    if __name__ == "__main__":
        runner.main()

TSAGG_TEST_ONLY, a regular expression, picks some by "file.function".
"""
import os
import pathlib
import re
import sys
import time
import traceback

from .process import Process


def main():
    module = sys.modules["__main__"]
    script = pathlib.Path(module.__file__).stem
    only = re.compile(os.environ.get("TSAGG_TEST_ONLY", ""))
    tests = [(name, fn) for name, fn in vars(module).items()
             if name.startswith("test_") and callable(fn) and only.search(f"{script}.{name}")]
    failed = sum(not run(name, fn) for name, fn in tests)
    print(f"{len(tests) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


def run(name, fn):
    begin = time.monotonic()
    try:
        fn()
    except Exception:
        print(f"FAIL {name}")
        traceback.print_exc(file=sys.stdout)
        for proc in Process.current:
            print(f"--- log of {proc.name}\n{proc.log_tail()}")
        return False
    else:
        print(f"ok {name} {time.monotonic() - begin:.1f}s", flush=True)
        return True
    finally:
        Process.clean_up()
