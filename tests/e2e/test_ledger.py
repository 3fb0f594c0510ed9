#!/usr/bin/env python3
"""The ledger as it is told: the status, /metrics and tsagg-ctl status say the same, with a reason for whatever is missing."""
import fcntl
import os
import pathlib
import pty
import re
import socket
import struct
import subprocess
import sys
import termios

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner, udp
from tsagg_test.daemon import BUILD, LABEL, Tsaggd
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.wait import until

T = 1767225600 * 10**9
MINUTE = 60 * 10**9
LONG_SERIES = b"m," + b",".join(b"k%03d=%s" % (i, b"v" * 249) for i in range(256)) + b" f=1"
COLUMNS = 80

# What is sent, and what a line or datagram of it is counted as.
LINES = [
    (b"a:1|c", ("aggregated",)), (b"a:2|ms", ("aggregated",)),
    (b"bad", ("rejected", "no_value")), (b":1|c", ("rejected", "no_name")), (b"a:x|c", ("rejected", "bad_value")),
    (b"a:1|zz", ("rejected", "bad_type")), (b"a:1|c|@7", ("rejected", "bad_rate")), (b"cpu u=1 soon", ("rejected", "bad_time")),
    (b"cpu,=a u=1", ("rejected", "bad_tags")), (b"a\xff:1|c", ("rejected", "not_text")),
    (b"odd:1|c", ("dropped", "filtered")), (b"nobody:1|c", ("dropped", "no_rollup")), (LONG_SERIES, ("dropped", "series_too_long")),
    (b"e v=1 %d" % (T + 10 * MINUTE), ("aggregated",)), (b"e v=1 %d" % T, ("dropped", "late")),
    (b"e v=1 %d" % (2**62), ("dropped", "future")), (b"_sc|check|0", ("passed",)),
]


def daemon(**config):
    tsaggd = Tsaggd(rollups=[{"name": "r", "every": "10s", "match": "/^[aem]/", "aggregates": ["count"], "late": "drop"}],
                    pipeline=[{"type": "filter", "name": "odd", "drop": "name == 'odd'"}], idle_after="1h", **config)
    tsaggd.extra_port = free_port(socket.SOCK_DGRAM)
    tsaggd.config["listen"].append({"url": f"udp://{LOOPBACK}:{tsaggd.extra_port}", "allow": ["10.0.0.0/8"]})
    tsaggd.config["listen"].append({"url": "tcp://127.0.0.1:0", "rate_limit": 1})
    return tsaggd


def say_all(tsaggd):
    for n, (line, _) in enumerate(LINES, 1):
        udp.send_datagrams(tsaggd.udp_port, [line])
        tsaggd.wait_read(n)
        until(lambda: tsaggd.status()["samples"]["in_flight"] == 0, 30, "nothing in flight")  # what is late depends on the order
    udp.send_datagrams(tsaggd.extra_port, [b"a:1|c"])
    until(lambda: tsaggd.metrics()["tsagg_datagrams_refused_total", (("reason", "not_allowed"),)] == 1, 30, "a datagram refused")
    with socket.create_connection((LOOPBACK, int(re.search(r" tcp=(\d+)", tsaggd.log())[1]))) as sock:
        sock.sendall(b"a:1|c\n" * 5)
    tsaggd.wait_read(len(LINES) + 5)
    tsaggd.assert_balanced()


def counted(kind, reason=None):
    return sum(what == ((kind, reason) if reason else (kind,)) for _, what in LINES)


def test_every_sample_has_its_reason():
    with daemon() as tsaggd:
        say_all(tsaggd)
        status = tsaggd.status()
        lines, samples = status["lines"], status["samples"]
        for kind, by_reason in (("rejected", lines["rejected_by_reason"]), ("dropped", samples["dropped_by_reason"])):
            want = {what[1]: counted(kind, what[1]) for _, what in LINES if what[0] == kind}
            if kind == "dropped":
                want["rate_limit"] = 4
            assert {reason: n for reason, n in by_reason.items() if n} == want, (by_reason, want)
        assert samples["aggregated"] == counted("aggregated") + 1 and samples["passed"] == counted("passed")
        first = status["listeners"][0]
        assert first["lines_rejected"] == sum(first["lines_rejected_by_reason"].values()) == lines["rejected"]
        assert first["lines_rejected_by_reason"]["bad_rate"] == 1
        assert status["listeners"][1]["datagrams_refused_by_reason"] == {"not_allowed": 1}
        assert status["listeners"][2]["samples_dropped_by_reason"] == {"rate_limit": 4}


# Members of the status that /metrics calls otherwise, or tells by label.
GROUPS = {"lines": {"received": "lines_received_total", "accepted": "lines_accepted_total", "rejected": "lines_rejected_total",
                    "ignored": "lines_ignored_total"},
          "samples": {"received": "samples_received_total", "created": "samples_created_total", "aggregated": "samples_aggregated_total",
                      "passed": "samples_passed_total", "rejected": "lines_rejected_total", "dropped": "samples_dropped_total",
                      "overflowed": "samples_overflowed_total", "in_flight": "samples_in_flight"},
          "datagrams": {"received": "datagrams_received_total", "kernel_dropped": "kernel_dropped_datagrams_total",
                        "truncated": "datagrams_truncated_total"},
          "rollups": {"sealed": "rollups_sealed_total", "corrected": "rollups_corrected_total", "lost": "rollups_lost_total"},
          "journal": {"appended": "journal_rollups_appended_total", "written_bytes": "journal_written_bytes_total", "syncs": "journal_syncs_total",
                      "errors": "journal_errors_total", "damaged_blocks": "journal_damaged_blocks_total", "bytes": "journal_bytes",
                      "max_bytes": "journal_max_bytes", "waiting_bytes": "journal_waiting_bytes", "coarsenings": "journal_coarsenings_total",
                      "rollups_coarsened": "journal_rollups_coarsened_total", "segments_dropped": "journal_segments_dropped_total",
                      "rollups_dropped": "journal_rollups_dropped_total"},
          "memory": {"used_bytes": "memory_bytes", "limit_bytes": "memory_limit_bytes"},
          "snapshot": {"bytes": "snapshot_bytes", "age_seconds": "snapshot_age_seconds", "took_seconds": "snapshot_took_seconds", "cpu_seconds": "snapshot_cpu_seconds",
                       "longest_pause_seconds": "snapshot_longest_pause_seconds"}}
SINKS = {"rolled_up": "sink_rollups_total", "delivered": "sink_rollups_delivered_total", "pending": "sink_rollups_pending",
         "dropped": "sink_rollups_dropped_total", "coarsened": "sink_rollups_coarsened_total", "retries": "sink_retries_total",
         "in_flight": "sink_in_flight", "in_flight_limit": "sink_in_flight_limit", "retry_in_seconds": "sink_retry_in_seconds",
         "dead_letters": "sink_dead_letters", "dead_letters_delivered": "sink_dead_letters_delivered_total"}
STAGES = {"in": "stage_samples_in_total", "out": "stage_samples_out_total", "dropped": "stage_samples_dropped_total",
          "errors": "stage_errors_total", "released_early": "stage_released_early_total"}
QUERIES = {"sent_bytes": ("http_query_bytes_total", {}), "running": ("http_queries", {"state": "running"}),
           "waiting": ("http_queries", {"state": "waiting"}), "hits": ("http_query_cache_total", {"result": "hit"}),
           "misses": ("http_query_cache_total", {"result": "miss"}), "answers": ("http_query_cache_answers", {}),
           "bytes": ("http_query_cache_bytes", {})}
MOVING = {"uptime_seconds", "used_bytes", "age_seconds", "took_seconds", "cpu_seconds", "longest_pause_seconds", "written_bytes", "bytes", "ns_per_sample"}


def numbers(value, path=()):
    """(path, number) of all numbers in a status; lists by place."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from numbers(part, (*path, i))
    elif not isinstance(value, (bool, str, type(None))):
        yield path, value


def where(status, path):
    """Name and labels at /metrics of a number in the status."""
    head, key = path[0], path[-1]
    if head in ("uptime_seconds", "series"):
        return {"series": "series_created_total"}.get(head, head), {}
    if head == "late":
        return "late_total", {"result": key}
    if head == "listeners":
        labels = {"listener": status[head][path[1]]["url"]}
        if path[2].endswith("_by_reason"):
            return f"listener_{path[2].removesuffix('_by_reason')}_total", {**labels, "reason": key}
        return f"listener_{key}_total", labels
    if head == "sinks":
        return SINKS[key], {"sink": status[head][path[1]]["name"]}
    if head == "pipeline":
        return STAGES[key], {"stage": status[head][path[1]]["name"]}
    if head == "sources":
        name = f"source_ahead_{key}_seconds" if path[2] == "ahead_seconds" else f"source_{key}_total"
        return name, {"source": status[head][path[1]]["source"]}
    if head == "queries":
        return QUERIES.get(key, ("http_queries_total", {"result": key}))
    if path[1].endswith("_by_reason"):
        return GROUPS[head][path[1].removesuffix("_by_reason")], {"reason": key}
    return GROUPS[head][key], {}


def at_one_moment(tsaggd):
    """Status and metrics between which nothing has changed but what always does."""
    def still(status):
        return [(path, number) for path, number in numbers(status) if path[-1] not in MOVING]
    looks = []

    def done():
        looks[:] = [tsaggd.status(), tsaggd.metrics(), tsaggd.status()]
        return still(looks[0]) == still(looks[2])
    until(done, 30, "two looks that say the same")
    return looks[:2]


def test_status_and_metrics_have_the_same_numbers():
    with daemon() as tsaggd:
        say_all(tsaggd)
        until(lambda: tsaggd.sink("file")["pending"] == 0, 30, "all delivered")
        status, metrics = at_one_moment(tsaggd)
        wrong, compared = [], set()
        for path, number in numbers(status):
            if path[0] == "sources" and path[2] == "off" or path[-1] == "ns_per_sample":
                continue  # names of single series; a mean of two counters
            name, labels = where(status, path)
            found = [value for (metric, pairs), value in metrics.items()
                     if metric == f"tsagg_{name}" and set(labels.items()) <= set(pairs)]
            compared.add(name)
            if not found or (path[-1] not in MOVING and sum(found) != number):
                wrong.append(f"{'.'.join(map(str, path))}: {number}, at /metrics {name}{labels} {found}")
        assert not wrong, "\n".join(wrong)
        # And the counters of the ledger at /metrics are all in the status.
        for family in ("lines_rejected_total", "samples_dropped_total", "samples_overflowed_total", "lines_received_total", "sink_rollups_total"):
            assert family in compared
        for (name, labels), value in metrics.items():
            if name in ("tsagg_lines_rejected_total", "tsagg_samples_dropped_total"):
                group = status["lines"]["rejected_by_reason"] if "lines" in name else status["samples"]["dropped_by_reason"]
                assert group[dict(labels)["reason"]] == value


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\}})? (-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|[-+]Inf|NaN)')


def test_metrics_are_valid_prometheus_text():
    """What promtool check metrics looks at: HELP and TYPE once and first, families together, no sample twice, names by type."""
    with daemon() as tsaggd:
        say_all(tsaggd)
        text = tsaggd.get("/metrics")
    types, helps, seen, family = {}, {}, set(), None
    assert text.endswith("\n") and "\r" not in text
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family, _, help_text = line[7:].partition(" ")
            assert family not in helps and help_text and re.fullmatch(NAME, family), line
            assert not re.search(r"\\(?![\\n])", help_text), line
            helps[family] = help_text
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family and name not in types and kind in ("counter", "gauge"), line
            assert (kind == "counter") == name.endswith("_total"), f"a counter ends with _total, and nothing else does: {line}"
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            assert match[1] == family and family in types, f"not with its family: {line}"
            labels = tuple(sorted(LABEL.findall(match[2] or "")))
            assert len({key for key, _ in labels}) == len(labels) and (family, labels) not in seen, f"twice: {line}"
            assert not any(key.startswith("__") for key, _ in labels)
            assert types[family] == "gauge" or float(match[3]) >= 0
            seen.add((family, labels))
    assert len(types) > 90 and set(types) == set(helps) == {name for name, _ in seen}, "a family without samples"


def on_terminal(*args):
    """What a program writes to a terminal of 80 columns, and how it ends."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    child = subprocess.Popen(args, stdout=other, stderr=other, stdin=subprocess.DEVNULL)
    os.close(other)
    text = b""
    try:
        while more := os.read(main, 65536):
            text += more
    except OSError:  # the other side is closed
        pass
    os.close(main)
    return child.wait(30), text.decode().replace("\r\n", "\n")


def test_the_table_fits_a_terminal():
    with daemon() as tsaggd:
        say_all(tsaggd)
        code, text = on_terminal(BUILD / "tsagg-ctl", "status", "--host", f"http://{LOOPBACK}:{tsaggd.http_port}")
    assert code == 0, text
    plain = re.sub(r"\x1b\[\d+m", "", text)
    too_long = [line for line in plain.splitlines() if len(line) > COLUMNS and not line.startswith(("times of", "  ", "journal:"))]
    assert not too_long, too_long
    shown = plain.splitlines()
    assert "\x1b[32mBALANCED\x1b[0m" in text
    n = len(LINES) + 5
    rejected = sum(what[0] == "rejected" for _, what in LINES)
    assert f"  lines: {n} received = {n - rejected} accepted + {rejected} rejected" in shown, plain
    assert [line.split() for line in shown if line.split()[:1] == ["rate_limit"]] == [["rate_limit", "4"]] * 2, "in all, and of its listener"
    assert any(line.startswith("  sink file: ") and "rolled up = " in line for line in shown), plain


runner.main()
