"""Allocations that fail where the test wants it, in programs that are started with the library of tests/faults/failing_alloc.c."""
import contextlib
import mmap
import pathlib
import random
import struct
import subprocess
import tempfile

from .wait import SCALE

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "faults" / "failing_alloc.c"
DEPTH = 8
OFF, RECORD, FAIL = 0, 1, 2
HEAD = struct.Struct("=4IQ")  # of struct control
PLACE = struct.Struct("=Q16Q")
PLACES = 16384


class Allocations:
    """Those of the program itself, not of the libraries that it calls. Use as a context manager."""

    def __init__(self, depth=DEPTH):
        self.depth = depth
        self.dir = tempfile.TemporaryDirectory(prefix="tsagg-alloc-")
        self.library = pathlib.Path(self.dir.name, "failing_alloc.so")
        path = pathlib.Path(self.dir.name, "control")
        with open(path, "wb") as file:
            file.truncate(HEAD.size + PLACES * PLACE.size)
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 0)
        # What is freed is overwritten, so that it is not used any more without being seen.
        self.env = {"LD_PRELOAD": str(self.library), "TSAGG_TEST_ALLOC": str(path), "MALLOC_PERTURB_": "165"}

    def __enter__(self):
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.library, SOURCE, "-ldl"], check=True)
        return self

    def __exit__(self, *_):
        self.shared.close()
        self.dir.cleanup()

    def set(self, mode, target=0):
        HEAD.pack_into(self.shared, 0, OFF, self.depth, 0, 0, target)
        struct.pack_into("=I", self.shared, 0, mode)

    def failed(self):
        """Whether the place that should fail has been met."""
        return HEAD.unpack_from(self.shared, 0)[2] > 0

    @contextlib.contextmanager
    def recorded(self):
        """Fills the list that it gives with the places that allocate meanwhile."""
        places = []
        self.set(RECORD)
        yield places
        n = HEAD.unpack_from(self.shared, 0)[3]
        self.set(OFF)
        assert n < PLACES, "too many places to note"
        places += (PLACE.unpack_from(self.shared, HEAD.size + i * PLACE.size)[0] for i in range(n))

    @contextlib.contextmanager
    def failing(self, place):
        self.set(FAIL, place)
        yield
        self.set_off()

    def set_off(self):
        struct.pack_into("=I", self.shared, 0, OFF)

    def where(self, program):
        """The path to what has failed, for the report."""
        found = PLACE.unpack_from(self.shared, HEAD.size)[1:1 + self.depth]
        own = [hex(at - 1) for at in found if at >> 48 == 0 and at]
        return subprocess.run(["addr2line", "-f", "-s", "-p", "-i", "-e", program, *own], capture_output=True, text=True).stdout


def chosen(places, per_run, seed=20261121):
    """Some of them, others with other seeds; all with a large TSAGG_TEST_SCALE."""
    n = int(per_run * SCALE)
    return places if n >= len(places) else random.Random(seed).sample(places, max(n, 1))
