"""A load of line protocol with its rollups, sent to a daemon and compared with what comes out of its sink."""
import functools

from . import lineproto, oracle, udp
from .times import NS

WINDOW_NS = 10 * NS
LATENESS_NS = 2 * NS
AGGREGATES = ("count", "sum", "min", "max", "mean", "stddev", "last")
ROLLUP = {"name": "r10s", "every": "10s", "lateness": "2s", "aggregates": list(AGGREGATES)}
# Sealing then depends on the lines alone.
ONLY_BY_WATERMARK = {"idle_after": "1h"}
ADVANCE = "advance"


class Load:
    """Samples in the order in which they are sent; compared at the end with what the oracle makes of them."""

    def __init__(self, samples):
        self.samples = samples
        self.lines = [lineproto.write(sample).encode() for sample in samples]
        self.rollups = oracle.rollups(samples, WINDOW_NS)
        self.start_ns = min(key[3] for key in self.rollups)
        self.stop_ns = max(key[3] for key in self.rollups) + WINDOW_NS

    def send(self, daemon, part=slice(None), **pace):
        udp.send(daemon.udp_port, self.lines[part], read=daemon.lines_read, **pace)

    def advance(self, daemon):
        """A line of another series so far ahead that all windows of the load are sealed."""
        line = f"{ADVANCE} x=1 {self.stop_ns + WINDOW_NS}".encode()
        udp.send(daemon.udp_port, [line], read=daemon.lines_read)
        daemon.wait_sealed(len(self.rollups))

    def assert_rolled_up(self, points):
        """Points are {(measurement, tags, time): fields}."""
        got = oracle.from_points(points)
        ours = {key: aggregates for key, aggregates in got.items() if key[0] != ADVANCE}
        oracle.assert_equal(ours, self.rollups, AGGREGATES)


@functools.cache
def ordered(lines=20_000, series=200, windows=10):
    """A load in the order of time."""
    return Load(list(oracle.stream(lines, lines, series, windows, WINDOW_NS)))


@functools.cache
def shuffled(lines=20_000, series=200, windows=10):
    """The same in a random order within the lateness."""
    return Load(oracle.shuffled(lines, ordered(lines, series, windows).samples, LATENESS_NS))
