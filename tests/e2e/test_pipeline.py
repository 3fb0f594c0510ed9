#!/usr/bin/env python3
"""The pipeline before the windows, against the same stages written in Python; counters, ledger, and errors of the configuration."""
import collections
import json
import math
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp, wait
from tsagg_test.daemon import Tsaggd, tool
from test_input import Replay, summary

T = oracle.EPOCH_NS
MS = 1_000_000

STAGES = [
    {"type": "filter", "name": "noise", "drop": 'name ~ "tmp.*" or tags.host == "h9"'},
    {"type": "filter", "keep": 'value >= -50 and not (name == "db.q" and value > 80)'},
    {"type": "map", "when": r"name ~ /^api\./", "value": "value * 2 + 1", "set": ["tags.zone={tags.region}-z"],
     "drop_tags": ["ho*"]},
    {"type": "map", "when": 'value > 100 and name == "api.req"', "set": ["name=api.slow"]},
    {"type": "map", "when": 'name == "db.q"', "from": "ms", "to": "s", "replace": [r"name /^db\.(.)/database.$1/"]},
    {"type": "map", "when": 'name == "api.err"', "value": "log(value)"},
    {"type": "flatmap", "split_tag": "groups"},
    {"type": "flatmap", "when": 'name == "api.req"', "copies": ["name=api.total tags.groups="], "keep_original": True},
    {"type": "dedup", "within": "2s"},
]


def random_samples(seed, n):
    """Times rise by 1 ms; one sample in ten comes again soon, with the same time and another value."""
    rand = random.Random(seed)
    samples, again = [], []
    for i in range(n):
        tags = [("host", f"h{rand.randrange(10)}"), ("region", rand.choice(["eu", "us"]))]
        if rand.random() < 0.5:
            tags.append(("groups", rand.choice(["a", "b", "a,b", "c,,a,"])))
        samples.append(oracle.Sample(rand.choice(["api.req", "api.err", "db.q", "tmp.x", "other"]), tuple(sorted(tags)), "v",
                                     "field", rand.uniform(-100, 100), 1, T + i * MS))
        if rand.random() < 0.1:
            again.append((i + rand.randrange(1, 5), samples[-1]._replace(value=rand.uniform(-100, 100))))
    for at, sample in reversed(again):
        samples.insert(at, sample)
    return samples


class Oracle:
    """STAGES in Python; counts what each stage drops, and what flatmaps create."""

    def __init__(self, samples):
        self.dropped = collections.Counter()
        self.created = 0
        self.errors = 0
        held = {}
        for sample in samples:
            for one in self.before_dedup(sample):
                key = (one.measurement, one.tags, one.time_ns)
                self.dropped["duplicate"] += key in held
                held[key] = one
        self.samples = list(held.values())

    def before_dedup(self, sample):
        name, tags, value = sample.measurement, dict(sample.tags), sample.value
        if name.startswith("tmp.") or tags.get("host") == "h9" or value < -50 or (name == "db.q" and value > 80):
            self.dropped["filtered"] += 1
            return []
        if name.startswith("api."):
            value = value * 2 + 1
            tags["zone"] = tags["region"] + "-z"
            del tags["host"]
        if name == "api.req" and value > 100:
            name = "api.slow"
        if name == "db.q":
            name, value = "database.q", value * 0.001
        if name == "api.err":
            if value <= 0:
                self.dropped["stage_error"] += 1
                return []
            value = math.log(value)
        parts = [part for part in tags.get("groups", "").split(",") if part]
        out = []
        for part in parts or [None]:
            mine = {**tags, "groups": part} if part else tags
            out.append((name, mine))
            if name == "api.req":
                out.append(("api.total", {k: v for k, v in mine.items() if k != "groups"}))
        self.created += len(out) - 1
        return [sample._replace(measurement=n, tags=tuple(sorted(t.items())), value=value) for n, t in out]


def reasons(stderr):
    """{reason: number} of what was dropped, from the last line."""
    text = re.search(r"dropped [\d,]+ \(([^)]*)\)", stderr)
    return {r: int(n.replace(",", "")) for r, n in (part.rsplit(" ", 1) for part in re.findall(r"\w+ [\d,]*\d", text[1]))}


def test_random_streams_against_the_oracle():
    for seed in range(4):
        samples = random_samples(seed, wait.scaled(8000))
        want = Oracle(samples)
        outputs = []
        for workers in (1, 2, 8):
            replay = Replay("\n".join(map(lineproto.write, samples)).encode(), workers=workers, pipeline=STAGES)
            stderr = replay.run()
            assert summary(stderr)[:2] == [len(samples), len(want.samples)], stderr
            assert reasons(stderr) == want.dropped, (reasons(stderr), want.dropped)
            outputs.append(sorted(replay.out.read_text().splitlines()))
        assert outputs[0] == outputs[1] == outputs[2]
        # The copies api.total of one sample's groups share series and time, so all but one are duplicates.
        oracle.assert_equal(oracle.from_points(replay.points()), oracle.rollups(want.samples, load.WINDOW_NS), load.AGGREGATES)


def test_sampling_keeps_weights():
    n, p = wait.scaled(40_000), 0.25
    lines = [f"t.{i % 20}:{i % 7}|ms|T{T // 10**9}" for i in range(n)] + [f"g:{i}|g|T{T // 10**9}" for i in range(1000)]
    outputs = []
    for workers in (1, 8):
        replay = Replay("\n".join(lines).encode(), workers=workers, pipeline=[{"type": "sample", "probability": p}])
        stderr = replay.run()
        outputs.append(sorted(replay.out.read_text().splitlines()))
    assert outputs[0] == outputs[1]
    points = {name: fields for (name, _, _), fields in replay.points().items()}
    gauges = points.pop("g")
    kept = n + 1000 - reasons(stderr)["sampled_out"]
    counts = [fields["count"] for fields in points.values()]
    assert len(counts) == 20 and all(count % (1 / p) == 0 for count in counts), counts
    assert len(set(counts)) > 5, counts  # series are not sampled in step
    assert abs(kept - p * (n + 1000)) < 6 * math.sqrt(n * p * (1 - p)), kept
    assert abs(sum(counts) - n) < 6 * math.sqrt(n * (1 - p) / p), counts
    assert 900 <= gauges["last"] <= 999, gauges
    for fields in points.values():
        assert abs(fields["mean"] - 3) < 0.5, fields


def buckets(samples, rate, burst, group):
    """Those that pass a token bucket for each group, by their own times."""
    tokens, at, kept = {}, {}, []
    for sample in samples:
        key = group(sample)
        if key not in tokens:
            tokens[key], at[key] = burst, sample.time_ns
        elif sample.time_ns > at[key]:
            tokens[key] = min(burst, tokens[key] + (sample.time_ns - at[key]) / 1e9 * rate)
            at[key] = sample.time_ns
        if tokens[key] >= 1:
            tokens[key] -= 1
            kept.append(sample)
    return kept


def test_rate_limit_by_time_of_the_samples():
    samples = [s for s in random_samples(7, wait.scaled(10_000)) if s.measurement != "tmp.x"]
    for per, group in (("stage", lambda s: 0), ("series", lambda s: (s.measurement, s.tags)),
                       ("group", lambda s: dict(s.tags)["region"])):
        stage = {"type": "rate_limit", "rate": 50, "burst": 80, "per": per,
                 **({"group": "{tags.region}"} if per == "group" else {})}
        if per == "series":
            stage.update(rate=1, burst=3)
        kept = buckets(samples, stage["rate"], stage["burst"], group)
        replay = Replay("\n".join(map(lineproto.write, samples)).encode(), pipeline=[stage])
        stderr = replay.run()
        assert reasons(stderr) == {"stage_rate_limit": len(samples) - len(kept)}, (per, stderr)
        oracle.assert_equal(oracle.from_points(replay.points()), oracle.rollups(kept, load.WINDOW_NS), load.AGGREGATES)


def test_dedup_is_bounded_in_time_and_number():
    def run(lines, **options):
        replay = Replay("\n".join(lines).encode(), pipeline=[{"type": "dedup", **options}])
        return replay.run(), replay.points()
    # 4 s later the first is gone; the tags' order makes no other series; a sample without a time is none.
    lines = [f"m,a=1,b=2 v=1 {T}", f"m,b=2,a=1 v=5 {T}", *(f"n v=1 {T + i * 10 * MS}" for i in range(400)),
             f"m,a=1,b=2 v=7 {T}", 's:1|s', 's:1|s']
    stderr, points = run(lines, within="2s")
    assert reasons(stderr) == {"duplicate": 1}, stderr
    assert points["m", (("a", "1"), ("b", "2")), T]["v_sum"] == 12, points
    assert points["n", (), T]["v_count"] == 400
    # Only 10 are held.
    stderr, points = run([f"n,i={i % 20} v={i} {T}" for i in range(40)], hold=10)
    assert "dropped 0" in stderr and sum(fields["v_sum"] for fields in points.values()) == sum(range(40)), stderr


def daemon(pipeline, **config):
    return Tsaggd(pipeline=pipeline, sinks={"out": {"type": "file", "flush_interval": "100ms"}},
                  rollups=[{"name": "r", "every": "1s", "to": ["out"]}], **config)


def test_counters_of_stages_and_the_ledger():
    pipeline = STAGES[:-1] + [{"type": "dedup", "within": "500ms"}]
    samples = random_samples(11, 4000)
    want = Oracle(samples)
    with daemon(pipeline) as tsaggd:
        udp.send(tsaggd.udp_port, [lineproto.write(s).encode() for s in samples], read=tsaggd.lines_read)
        tsaggd.assert_balanced()
        status = tsaggd.status()
        got = status["samples"]
        assert got["created"] == want.created, (got, want.created)
        assert {r: n for r, n in got["dropped_by_reason"].items() if n} == want.dropped, (got, want.dropped)
        assert got["aggregated"] == len(samples) + want.created - sum(want.dropped.values())
        stages = {stage["name"]: stage for stage in status["pipeline"]}
        assert list(stages) == ["noise", "filter2", "map3", "map4", "map5", "map6", "flatmap7", "flatmap8", "dedup9"]
        assert stages["noise"]["in"] == len(samples)
        assert stages["noise"]["dropped"] + stages["filter2"]["dropped"] == want.dropped["filtered"]
        assert stages["map6"]["errors"] == want.dropped["stage_error"] > 0
        assert stages["dedup9"]["dropped"] == want.dropped["duplicate"] > 0
        created = 0
        for before, after in zip(status["pipeline"], status["pipeline"][1:]):
            assert before["out"] == after["in"], (before, after)
            created += before["out"] + before["dropped"] + before["errors"] - before["in"]
        assert created == want.created and stages["dedup9"]["out"] == got["aggregated"]
        assert all(0 < stage["ns_per_sample"] < 1e6 for stage in stages.values()), stages
        metrics = tsaggd.metrics()
        assert metrics["tsagg_stage_samples_in_total", (("stage", "noise"),)] == len(samples)
        assert metrics["tsagg_stage_errors_total", (("stage", "map6"),)] == want.dropped["stage_error"]
        assert metrics["tsagg_samples_created_total", ()] == want.created
        shown = tool("tsagg-ctl", "status", "--host", f"http://127.0.0.1:{tsaggd.http_port}").stdout.decode()
        assert re.search(rf"^noise +{len(samples)} ", shown, re.MULTILINE), shown


def test_texts_sets_and_bad_lines():
    pipeline = [{"type": "filter", "drop": 'kind == "string" and name == "gone"'}, {"type": "map", "value": "value + 1"},
                {"type": "flatmap", "copies": ["tags.c=1", "tags.c=2"], "keep_original": True},
                {"type": "dedup", "within": "100ms"}]
    # The last line's fault is seen when its series is looked at in full.
    lines = [b'm s="text" %d' % T, b'm s="other" %d' % T, b'gone s="x" %d' % T, b"u:alice|s", b"u:bob|s", b"m v=1 %d" % T,
             b"m,a v=1 %d" % T]
    with daemon(pipeline, idle_after="500ms") as tsaggd:
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        tsaggd.wait_sealed(9)
        tsaggd.assert_balanced()
        dropped = tsaggd.status()["samples"]["dropped_by_reason"]
        assert dropped["filtered"] == 1 and dropped["duplicate"] == 3, dropped
    points = lineproto.read_points((pathlib.Path(tsaggd.config["state_dir"]) / "rollups.lp").read_text())
    assert {tags: fields["s_last"] for (_, tags, _), fields in points.items() if "s_last" in fields} == {
        (): "other", (("c", "1"),): "other", (("c", "2"),): "other"}, points
    assert sorted(fields["v_sum"] for fields in points.values() if "v_sum" in fields) == [2, 2, 2], points
    assert sum(fields.get("distinct", 0) for fields in points.values()) == 6, points


def test_more_series_than_are_remembered():
    lines = [b"m,i=%d v=1 %d" % (i % 5000, T) for i in range(10_000)]
    with daemon([{"type": "map", "set": ["tags.i="]}, {"type": "rate_limit", "rate": 10**9, "per": "series"}],
                limits={"series": 10}) as tsaggd:
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        tsaggd.assert_balanced()
        status = tsaggd.status()
        assert status["samples"]["aggregated"] == 10_000 and status["series"] == 1, status


# A stage, where the error stands, what it says.
ERRORS = [
    ("{type: filter, keep: vlue > 1}", "vlue", 'did you mean "value"'),
    ("{type: filter, keep: name > 1}", "name", "needs a number, and this is a text"),
    ("{type: filter, keep: 'value > '}", "'value", "ends too early"),
    ("{type: filter, keep: 'value = 1'}", "'value", "write =="),
    ("{type: filter, keep: 'name ~ /(/'}", "'name", "regular expression"),
    ("{type: filter, keep: 'value'}", "'value", "needs a condition, and this is a number"),
    ("{type: filter}", "{type", "neither keep nor drop"),
    ("{type: filter, keep: value > 1, when: value > 1}", "when", "does not belong to a stage of type filter"),
    ("{type: fliter, keep: value > 1}", "fliter", "give filter, map, flatmap"),
    ("{type: map}", "map", "changes nothing"),
    ("{type: map, from: ms}", "ms", "give both or none"),
    ("{type: map, from: ms, to: kB}", "kB", "same kind"),
    ("{type: map, set: [nam=x]}", "nam=x", "give name, field or tags.KEY"),
    ("{type: map, set: [a, 'name={nmae}']}", "a,", 'no "="'),
    ("{type: map, set: [tags.a=1, 'name={nmae}']}", "'name=", "{tags.KEY}"),
    ("{type: map, replace: [name /a/$1/]}", "name /a", "$1, but the expression has 0 groups"),
    ("{type: flatmap}", "{type", "neither copies nor split_tag"),
    ("{type: sample, probability: 1.5}", "1.5", "above 0 and up to 1"),
    ("{type: sample}", "{type", "probability is missing"),
    ("{type: rate_limit, rate: 10, per: group}", "{type", "group belongs to per: group"),
    ("{type: dedup, within: 1h}", "1h", "too large"),
    ("{type: dedup, name: x}, {type: dedup, name: x}", "x}\n", "a second stage"),
]


def test_errors_have_a_place():
    for stages, at, words in ERRORS:
        text = f"pipeline: [{stages}\n]\n"
        before = text[:text.index(at, len("pipeline: ["))]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        path = Replay().dir / "c.yaml"
        path.write_text(text)
        done = tool("tsaggd", "-c", path, "--check")
        said = (done.stdout + done.stderr).decode().replace(str(path), "FILE")
        assert done.returncode != 0 and re.search(rf"^FILE:{line}:{column}: .*{re.escape(words)}", said, re.MULTILINE), (stages, line, column, said)


def test_print_config_is_read_back():
    replay = Replay()
    first = replay.dir / "first.yaml"
    first.write_text(json.dumps({"state_dir": "/tmp/x", "pipeline": STAGES + [
        {"type": "sample", "probability": 0.5}, {"type": "rate_limit", "rate": 5, "per": "group", "group": "{name}"}]}))
    printed = tool("tsaggd", "-c", first, "--print-config").stdout
    again = replay.dir / "again.yaml"
    again.write_bytes(printed)
    assert printed and tool("tsaggd", "-c", again, "--print-config").stdout == printed


if __name__ == "__main__":
    runner.main()
