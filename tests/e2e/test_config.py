#!/usr/bin/env python3
"""tsaggd --check, --print-config and --set."""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import tool

GOOD = """\
state_dir: /tmp/tsagg-test-state
workers: 2
listen:
  - {url: "udp://127.0.0.1:18125", format: auto}
http: {address: "127.0.0.1:18186"}
limits: {series: 5000}
rollups:
  - {name: r10s, every: 10s, lateness: 2s, aggregates: [count, mean], to: [out, influx]}
  - {name: g, match: '/^a[.]"\\d/', every: 1m, group_by: [], keep_original: false, bucket: "a, b", measurement: g, to: [influx]}
  - {name: w, match_tags: [k=/x/], every: 1m, without: ["a b", "c=d,e"], measurement: "{name}_w", to: [influx]}
sinks:
  out: {type: file, path: /tmp/tsagg-test.lp}
  influx: {type: influxdb, url: "http://127.0.0.1:8086", org: o, bucket: b, token: "${TSAGG_TEST_TOKEN}", batch: 500}
"""
ENV = {"TSAGG_TEST_TOKEN": "secret-of-tests", "TSAGG_TOKEN": "t", "INFLUX_TOKEN": "i"}
# What the design promises as the interface: other people have files like this one.
PROMISED = """\
state_dir: /var/lib/tsagg
workers: auto                       # number of shards
listen:
  - {url: "udp://127.0.0.1:8125", format: auto, signed_gauges: relative}   # format: auto | statsd | influx; absolute for DogStatsD clients
  - {url: "tcp://127.0.0.1:8125"}
  - {url: "unixgram:///run/tsagg/statsd.sock", when_full: block}
http: {address: "127.0.0.1:8186", token: "${TSAGG_TOKEN}"}   # no token is accepted only on loopback
limits: {series: 1000000, tag_values: 10000, memory: 2GiB}
rollups:
  - {name: raw10s, every: 10s, lateness: 2s, aggregates: [count, sum, min, max, mean, stddev, p50, p95, p99], to: [store, influx]}
  - {name: api1m, match: 'api.*', every: 1m, period: 5m, group_by: [region], to: [influx]}
sinks:
  store:  {type: store, bucket: tsagg, retention: 30d}
  influx: {type: influxdb, url: "http://127.0.0.1:8086", org: o, bucket: b, token: "${INFLUX_TOKEN}", batch: 5000}
"""

# What is changed in the file, where the error stands then, and a word of its text.
ERRORS = [
    ("workers: 2", "wrokers: 2", "wrokers", "workers"),
    ("format: auto", "fromat: auto", "fromat", "format"),
    ("workers: 2", "workers: many", "many", "many"),
    ("workers: 2", "workers: [1, 2]", "[1, 2]", "workers"),
    ("workers: 2", "workers: -1", "-1", "-1"),
    ("every: 10s", "every: 10parsecs", "10parsecs", "10parsecs"),
    ("format: auto", "format: xml", "xml", "xml"),
    ("type: file", "type: files", "files", "files"),
    ("to: [out, influx]", "to: [out, inflix]", "inflix", "inflix"),
    ("[count, mean]", "[count, meen]", "meen", "meen"),
    ("[count, mean]", "[count, mediam]", "mediam", "did you mean \"median\""),
    ("[count, mean]", "[count, mean], buckets: [1, 2]", "[1, 2]", "give both or none"),
    ("[count, mean]", "[count, histogram]", "[count, histogram]", "give buckets"),
    ("[count, mean]", "[histogram], buckets: [2, 1]", "[2, 1]", "rising"),
    ("[count, mean]", "[histogram], buckets: [linear, 1, 0, 3]", "[linear, 1", "rising"),
    ("[count, mean]", "[count, p100]", "p100", "between p0 and p100"),
    ("[count, mean]", "[count, p0.0]", "p0.0", "between p0 and p100"),
    ("[count, mean]", "[count, p99.]", "p99.", "p99.9"),
    ("${TSAGG_TEST_TOKEN}", "${TSAGG_TEST_NOTHING}", '"${TSAGG_TEST_NOTHING}', "TSAGG_TEST_NOTHING"),
]


def tsaggd(text, *args):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tsagg.yaml"
        path.write_text(text)
        done = tool("tsaggd", "-c", path, *args, env=ENV)
        return done.returncode, done.stdout.decode(), done.stderr.decode().replace(str(path), "FILE")


def test_good_file():
    code, _, err = tsaggd(GOOD, "--check")
    assert code == 0, err


def test_errors_have_a_place():
    for old, new, at, word in ERRORS:
        assert GOOD.count(old) == 1, old
        text = GOOD.replace(old, new)
        before = text[:text.index(at)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        code, out, err = tsaggd(text, "--check")
        assert code != 0, new
        place = rf"^FILE:{line}:{column}: .*{re.escape(word)}"
        assert re.search(place, out + err, re.MULTILINE), (new, place, out + err)


def test_errors_of_yaml_have_a_place():
    code, out, err = tsaggd(GOOD.replace("series: 5000}", "series: 5000"), "--check")
    assert code != 0 and re.search(r"^FILE:\d+:\d+: ", out + err, re.MULTILINE), out + err


def test_all_errors_at_once():
    text = GOOD.replace("workers", "wrokers").replace("every: 10s", "every: 10x").replace("type: file", "type: files")
    _, out, err = tsaggd(text, "--check")
    assert re.findall(r"^FILE:(\d+):", out + err, re.MULTILINE) == ["2", "8", "12"], out + err


def test_nothing_starts_with_an_error():
    code, _, err = tsaggd(GOOD.replace("workers", "wrokers"))
    assert code not in (0, None) and "FILE:2:1:" in err and "event=ready" not in err, err


def test_print_config_round_trip():
    code, first, err = tsaggd(GOOD, "--print-config")
    assert code == 0, err
    assert ENV["TSAGG_TEST_TOKEN"] not in first, "secrets are masked"
    code, second, err = tsaggd(first, "--print-config")
    assert code == 3 and "TSAGG_TEST_TOKEN" not in err and "<hidden>" in err, "a mask is not a secret"
    code, second, err = tsaggd(first.replace("<hidden>", "${TSAGG_TEST_TOKEN}"), "--print-config")
    assert code == 0, err
    assert second == first
    for part in ("18125", "18186", "5000", "/tmp/tsagg-test.lp", "http://127.0.0.1:8086"):
        assert part in first, part


def test_set():
    code, out, err = tsaggd(GOOD, "--set", "workers=3", "--set", "rollups.0.every=30s", "--print-config")
    assert code == 0, err
    assert re.search(r"\bworkers: 3\b", out) and re.search(r"\bevery: 30s\b", out), out


def test_set_errors_name_the_setting():
    for setting in ("wrokers=3", "workers=many", "workers", "rollups.7.every=1s"):
        code, out, err = tsaggd(GOOD, "--set", setting, "--check")
        assert code != 0 and setting.split("=")[0] in out + err, (setting, out + err)


def test_set_errors_keep_secrets():
    for setting in ("http.token={s3cret: x}", "sinks={a: {type: file, token: s3cret}}", "http.tokn=s3cret"):
        code, out, err = tsaggd(GOOD, "--set", setting, "--check")
        assert code != 0 and "s3cret" not in (out + err).replace('unknown key "s3cret"', "") and setting.split("=")[0] in err, (setting, out + err)


def test_missing_file():
    done = tool("tsaggd", "-c", "/nowhere/tsagg.yaml", "--check")
    assert done.returncode != 0 and b"/nowhere/tsagg.yaml" in done.stderr, done


def test_defaults_are_a_configuration():
    done = tool("tsaggd", "--print-config")
    assert done.returncode == 0, done
    code, out, err = tsaggd(done.stdout.decode(), "--check")
    assert code == 0, out + err


def test_the_promised_file_is_good():
    status, out, err = tsaggd(PROMISED, "--check")
    assert status == 0 and "good" in out + err, (status, out, err)


if __name__ == "__main__":
    runner.main()
