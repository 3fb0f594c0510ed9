"""An independent computation of the rollups of windows and sessions, slow and simple, and streams of samples to feed it.

The aggregates are InfluxDB's and statsd's by definition; a weight of 10 is ten samples of that value.
"""
import collections
import fractions
import math
import random
import typing

from .times import NS

EPOCH_NS = 1_767_225_600 * NS  # 2026-01-01T00:00:00Z


class Sample(typing.NamedTuple):
    measurement: str
    tags: tuple  # of (key, value), sorted
    field: str
    kind: str  # counter, gauge, timing, set or field
    value: object
    weight: float
    time_ns: int


def rollups(samples, window_ns, every_ns=None):
    """{(measurement, tags, field, window start): aggregates} of any iterable of samples; a window begins every every_ns."""
    return {key: aggregates(members, window_ns) for key, members in windows(samples, window_ns, every_ns).items()}


def windows(samples, window_ns, every_ns=None):
    """{(measurement, tags, field, window start): samples}."""
    every_ns = every_ns or window_ns
    found = collections.defaultdict(list)
    for sample in samples:
        start_ns = sample.time_ns // every_ns * every_ns
        while start_ns + window_ns > sample.time_ns:
            found[sample.measurement, sample.tags, sample.field, start_ns].append(sample)
            start_ns -= every_ns
    return found


def sessions(samples, gap_ns, max_ns=None):
    """The same of sessions. What is longer than max_ns is made of parts that lie between multiples of an eighth of it, as many as fit."""
    series, found = collections.defaultdict(list), {}
    for sample in samples:
        series[sample.measurement, sample.tags, sample.field].append(sample)
    for key, members in series.items():
        for run in runs(sorted(members, key=lambda sample: sample.time_ns), gap_ns):
            for session in [run] if max_ns is None else cut(run, max_ns):
                found[(*key, session[0].time_ns)] = session
    return found


def runs(members, gap_ns):
    """Samples in the order of time, parted where two are more than the gap apart."""
    found = []
    for sample in members:
        if not found or sample.time_ns - found[-1][-1].time_ns > gap_ns:
            found.append([])
        found[-1].append(sample)
    return found


def cut(run, max_ns):
    parts, found = collections.defaultdict(list), []
    for sample in run:
        parts[sample.time_ns // (max_ns // 8)].append(sample)
    for part in (parts[at] for at in sorted(parts)):
        if not found or part[-1].time_ns - found[-1][0].time_ns > max_ns:
            found.append([])
        found[-1] += part
    return found


def duration(samples):
    times = [sample.time_ns for sample in samples]
    return (max(times) - min(times)) / NS


def aggregates(samples, window_ns):
    values = [sample.value for sample in samples]
    weights = [sample.weight for sample in samples]
    count = math.fsum(weights)
    total = math.fsum(v * w for v, w in zip(values, weights))
    mean = total / count
    # The second sum takes back what rounding the mean has added (Chan, Golub,
    # LeVeque 1983, the corrected two-pass algorithm).
    squares = math.fsum(w * (v - mean) ** 2 for v, w in zip(values, weights))
    rest = math.fsum(w * (v - mean) for v, w in zip(values, weights))
    return {
        "count": count,
        "sum": total,
        "min": min(values),
        "max": max(values),
        "mean": mean,
        "stddev": math.sqrt(max(0, squares - rest ** 2 / count) / count),
        # Of samples of one time the one that came last counts; max() keeps the first.
        "last": max(reversed(samples), key=lambda sample: sample.time_ns).value,
        "rate": total / (window_ns / NS),
    }


def quantile(samples, q):
    """Nearest rank: the least value with at least q of all weight at and below it. Exact: 0.07 is 7/100."""
    members = sorted((sample.value, fractions.Fraction(sample.weight)) for sample in samples)
    at, so_far = fractions.Fraction(str(q)) * sum(weight for _, weight in members), 0
    for value, weight in members:
        so_far += weight
        if so_far >= at:
            return value
    raise ValueError("no samples")


def increase(samples):
    """How far a counter that only rises has risen; after a fall it has risen from 0."""
    values = [sample.value for sample in sorted(samples, key=lambda sample: sample.time_ns)]
    return math.fsum(b - a if b >= a else b for a, b in zip(values, values[1:]))


EXACT = ("count", "min", "max", "last", "duration")


def difference(got, want, names):
    """What is wrong with the aggregates of one window, None when they agree."""
    for name in names:
        if name not in got:
            return f"{name} is missing"
        if name in EXACT:
            equal = got[name] == want[name]
        else:
            equal = math.isclose(got[name], want[name], rel_tol=1e-9, abs_tol=rounding(name, want))
        if not equal:
            return f"{name} is {got[name]!r}, not {want[name]!r}"
    return None


def rounding(name, want):
    """How far rounding may take a result that should be zero, by the size of the values."""
    size = max(abs(want["min"]), abs(want["max"]))
    return size * {"sum": 1e-15 * want["count"], "stddev": 1e-18}.get(name, 1e-15)


def assert_equal(got, want, names):
    """Compare two results of rollups(), complaining about the first few differences."""
    wrong = [f"missing: {key}" for key in want if key not in got]
    wrong += [f"not expected: {key}" for key in got if key not in want]
    for key in want.keys() & got.keys():
        why = difference(got[key], want[key], names)
        if why:
            wrong.append(f"{key}: {why}")
    assert not wrong, f"{len(wrong)} of {len(want)} rollups are wrong\n" + "\n".join(wrong[:5])


def stream(seed, lines, series, windows, window_ns, start_ns=EPOCH_NS):
    """Samples of line-protocol fields in the order of their times, of values that are hard on sums of squares."""
    rnd = random.Random(seed)
    names = [("m%d" % (i % 5), (("host", "h%03d" % (i // 5)), ("zone", "z %d" % (i % 3)))) for i in range(series)]
    draw_value = [
        lambda: rnd.randrange(-1000, 1000),
        lambda: round(rnd.uniform(0, 100), 3),
        lambda: rnd.gauss(1e9, 5),
        lambda: rnd.lognormvariate(0, 3),
    ]
    times = sorted(start_ns + rnd.randrange(windows * window_ns) for _ in range(lines))
    for time_ns in times:
        i = rnd.randrange(series)
        kind = i % len(draw_value)
        measurement, tags = names[i]
        yield Sample(measurement, tags, "i" if kind == 0 else "f", "field", draw_value[kind](), 1.0, time_ns)


def shuffled(seed, samples, lateness_ns):
    """The same samples in a random order in which none comes later than the lateness allows."""
    rnd = random.Random(seed)
    return sorted(samples, key=lambda sample: sample.time_ns + rnd.randrange(lateness_ns))


def from_points(points):
    """{(measurement, tags, time): {"usage_mean": 1.5}} as rollups() would give it."""
    found = collections.defaultdict(dict)
    for (measurement, tags, time_ns), fields in points.items():
        for name, value in fields.items():
            field, aggregate = name.rsplit("_", 1)
            found[measurement, tags, field, time_ns][aggregate] = value
    return dict(found)


def grouped(samples, window_ns, every_ns, keeps):
    """The same of groups: series that differ only in tags for which keeps() is false are one.

    increase is each series' own, added up; of the series' first and last values the earliest and latest count, of equal times the
    least for the first, the greatest for the last.
    """
    found = {}
    for key, members in windows(samples, window_ns, every_ns).items():
        group = key[0], tuple(tag for tag in key[1] if keeps(tag[0])), key[2], key[3]
        found.setdefault(group, []).append(members)
    return {key: group_aggregates(series, window_ns) for key, series in found.items()}


def group_aggregates(series, window_ns):
    """series: the samples of each, in the order they came."""
    every = [sample for members in series for sample in members]
    firsts = [min(members, key=lambda sample: sample.time_ns) for members in series]
    lasts = [max(reversed(members), key=lambda sample: sample.time_ns) for members in series]
    return {**aggregates(every, window_ns),
            "first": min((sample.time_ns, sample.value) for sample in firsts)[1],
            "last": max((sample.time_ns, sample.value) for sample in lasts)[1],
            "increase": math.fsum(increase(members) for members in series),
            "distinct": len({sample.value for sample in every}),
            "samples": every}
