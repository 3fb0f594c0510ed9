#!/usr/bin/env python3
"""Every allocation fails once, of a start, a reload, a query, a write and a connection: there is a clear error or no difference, and nothing is
damaged.

A run of the tests takes some of the places, with a larger TSAGG_TEST_SCALE more of them, up to all.
"""
import collections
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner, udp
from tsagg_test.alloc import Allocations, chosen
from tsagg_test.daemon import BUILD, PlainBuild, Tsaggd, tool
from tsagg_test.flux_http import FluxDaemon
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import StubInflux
from tsagg_test.wait import until

END_S = 200


class Findings(list):
    """All of a sweep are told, not only the first."""

    def check(self, good, alloc, program, what):
        if not good:
            self.append(f"{what}\n{alloc.where(BUILD / program)}")
        return good

    def end(self, what, places, met):
        print(f"  {what}: {len(places)} places, {met} failed, {len(self)} findings")
        assert met >= len(places) // 2, "most places must be met again"
        assert not self, "\n\n".join(self)


class Daemon(Tsaggd):
    alloc = None

    def spawn(self, argv, env=None, **more):
        super().spawn(argv, env={**os.environ, **self.alloc.env} if self.alloc else env, **more)

    def respawn(self, text):
        """After an end that was not wanted."""
        self.config_path.write_text(text)
        self.spawn([BUILD / "tsaggd", "-c", self.config_path])
        assert wait_ready_or_end(self)


def wait_ready_or_end(tsaggd):
    """@return whether it runs."""
    until(lambda: "event=ready" in tsaggd.log() or not tsaggd.running(), END_S, "ready, or an end")
    return tsaggd.running()


def says_why(log):
    return any("level=fatal" in line or "level=error" in line for line in log.splitlines())


# ---- start ----

def start_config(stub):
    return {"workers": 2, "snapshot": "100ms", **load.ONLY_BY_WATERMARK,
            "rollups": [{**load.ROLLUP, "to": ["influx", "st"]},
                        {"name": "wide", "every": "1m", "match": "m1*", "group_by": ["zone"], "aggregates": ["p50", "distinct", "first"],
                         "measurement": "wide", "to": ["st"]},
                        {"name": "visits", "match": "m2*", "session": "30s", "measurement": "visits", "to": ["st"]}],
            "pipeline": [{"type": "filter", "drop": 'name ~ "nothing.*"'}],
            "sinks": {"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "flush_interval": "20ms",
                                 "retry_min": "20ms", "retry_max": "50ms"},
                      "st": {"type": "store", "bucket": "b", "flush_interval": "20ms"}}}


def crashed_state(stub, sent):
    """A daemon that was killed with open windows in its snapshot and rollups in its journal."""
    with StubInflux(lambda write, n: (503, {})) as away:
        tsaggd = Daemon(**start_config(away))
        tsaggd.config["listen"] += [{"url": f"tcp://{LOOPBACK}:0"}, {"url": f"unix://{tsaggd.dir}/s"}]
        tsaggd.start()
        sent.send(tsaggd)
        tsaggd.wait_sealed(1)
        written = snapshots(tsaggd)
        until(lambda: snapshots(tsaggd) >= written + 2 or say(tsaggd, sent.stop_ns - load.WINDOW_NS), 10, "a snapshot with all of it")
        tsaggd.kill9()
    tsaggd.config["sinks"] = start_config(stub)["sinks"]
    state = tsaggd.dir / "state"
    state.rename(tsaggd.dir / "crashed")
    return tsaggd


def snapshots(tsaggd):
    return tsaggd.metrics()["tsagg_snapshots_total", (("result", "written"),)]


def say(tsaggd, time_ns):
    """A sample of no account."""
    udp.send(tsaggd.udp_port, [f"{load.ADVANCE} x=1 {time_ns}".encode()], read=tsaggd.lines_read)


def begin_again(tsaggd, stub):
    shutil.rmtree(tsaggd.dir / "state", ignore_errors=True)
    shutil.copytree(tsaggd.dir / "crashed", tsaggd.dir / "state")
    stub.accepted.clear()


def run_once(tsaggd):
    """@return the exit status of a start that is stopped as soon as it is ready."""
    tsaggd.spawn([BUILD / "tsaggd", "-c", tsaggd.config_path])
    if wait_ready_or_end(tsaggd):
        tsaggd.popen.send_signal(signal.SIGTERM)
    return tsaggd.popen.wait(END_S)


@runner.needs(PlainBuild)
def test_start():
    sent = load.ordered(lines=600, series=30, windows=4)
    with StubInflux() as stub, Allocations() as alloc:
        tsaggd = crashed_state(stub, sent)
        begin_again(tsaggd, stub)
        tsaggd.alloc = alloc
        tsaggd.config_path.write_text(json.dumps(tsaggd.config))
        with alloc.recorded() as places:
            assert run_once(tsaggd) == 0, tsaggd.log()
        findings, met, went_on = Findings(), 0, 0
        for place in chosen(places, 15):
            begin_again(tsaggd, stub)
            tsaggd.alloc = alloc
            with alloc.failing(place):
                try:
                    code = run_once(tsaggd)
                except (TimeoutError, subprocess.TimeoutExpired):
                    tsaggd.kill9()
                    code = "hangs"
            log, where = tsaggd.log(), alloc.failed()
            met += where
            went_on += code == 0
            if not findings.check(code == 0 or (code in (1, 3) and says_why(log)), alloc, "tsaggd", f"ends with {code}: {log[-600:]}"):
                continue
            try:
                check_after(tsaggd, stub, sent)
            except (AssertionError, TimeoutError) as err:
                tsaggd.kill()
                findings.check(False, alloc, "tsaggd", f"after an end with {code}: {err}\n{log[-2000:]}")
        print(f"  {went_on} starts went on")
        findings.end("start", chosen(places, 15), met)


def check_after(tsaggd, stub, sent):
    """A start over what the failed one left has all of it."""
    tsaggd.alloc = None
    tsaggd.start()
    say(tsaggd, sent.stop_ns + 100 * load.WINDOW_NS)
    until(lambda: all_there(stub, sent), 10, "all rollups at the sink")
    tsaggd.wait_delivered("influx", 0)
    tsaggd.assert_balanced()
    tsaggd.stop()
    sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


def all_there(stub, sent):
    got = {(name, tags, time) for name, tags, time in lineproto.read_points("\n".join(stub.accepted))}
    return {(key[0], key[1], key[3]) for key in sent.rollups} <= got


# ---- reload ----

def post(tsaggd, path, body=None):
    """@return (status, text); status 0 when the connection ends without an answer."""
    conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=END_S)
    try:
        conn.request("POST", path, body)
        answer = conn.getresponse()
        return answer.status, answer.read().decode()
    except (ConnectionError, http.client.HTTPException) as err:
        return 0, str(err)
    finally:
        conn.close()


def post_reload(tsaggd):
    return post(tsaggd, "/api/v1/reload")


def descriptors(tsaggd):
    return len(os.listdir(f"/proc/{tsaggd.popen.pid}/fd"))


def reload_configs(tsaggd):
    """Two that differ in listeners, sinks, where rollups go, and buckets."""
    one = dict(tsaggd.config)
    other = {**one, "listen": [*one["listen"][:1], {"url": f"tcp://{LOOPBACK}:{free_port()}", "format": "statsd"},
                               {"url": f"unixgram://{tsaggd.dir}/gram", "templates": ["measurement.host"]}],
             "sinks": {**one["sinks"], "file": {"type": "file"}, "st": {"type": "store", "bucket": "b2"}},
             "rollups": [{**rollup, "to": ["file", "st"]} for rollup in one["rollups"]], "log_level": "debug"}
    return [json.dumps(one), json.dumps(other)]


@runner.needs(PlainBuild)
def test_reload():
    """The former configuration or the new one is in force, whichever allocation fails; then the new one can be had, and all goes on."""
    with StubInflux() as stub, Allocations() as alloc:
        tsaggd = Daemon(**start_config(stub))
        tsaggd.config["listen"] += [{"url": f"unix://{tsaggd.dir}/s"}]
        tsaggd.alloc = alloc
        with tsaggd:
            texts = reload_configs(tsaggd)
            findings, met, all_places = Findings(), 0, []
            for other in (1, 0):
                tsaggd.config_path.write_text(texts[other])
                with alloc.recorded() as places:
                    assert post_reload(tsaggd)[0] == 200, tsaggd.log()
                all_places.append(places)
            before, sent = descriptors(tsaggd), 0
            for other, places in ((1, all_places[0]), (0, all_places[1])):
                for place in chosen(places, 30, other):
                    tsaggd.config_path.write_text(texts[other])
                    with alloc.failing(place):
                        status, text = post_reload(tsaggd)
                    met += alloc.failed()
                    if status == 0:
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            tsaggd.popen.wait(0.3)  # where the answer could not be given because there is no tsaggd any more
                    if not tsaggd.running():
                        findings.check(False, alloc, "tsaggd", f"ended with {tsaggd.popen.returncode}: {tsaggd.log()[-300:]}")
                        sent = 0
                        tsaggd.respawn(texts[1 - other])
                        continue
                    findings.check(status in (0, 200) or text.strip(), alloc, "tsaggd", f"{status} without a reason")
                    status, text = post_reload(tsaggd)
                    findings.check(status == 200, alloc, "tsaggd", f"the next reload: {status} {text}")
                    say(tsaggd, sent)
                    sent += 1
                    tsaggd.config_path.write_text(texts[1 - other])
                    status, text = post_reload(tsaggd)
                    findings.check(status == 200, alloc, "tsaggd", f"back again: {status} {text}")
                tsaggd.config_path.write_text(texts[other])
                assert post_reload(tsaggd)[0] == 200
            until(lambda: tsaggd.status()["samples"]["aggregated"] + tsaggd.status()["samples"]["dropped"] >= sent, 10, "all counted")
            until(lambda: descriptors(tsaggd) <= before, 10, f"no more than {before} descriptors")
            alloc.set_off()
            tsaggd.config = json.loads(texts[0])
        findings.end("reload", [p for n, places in enumerate(all_places) for p in chosen(places, 30, 1 - n)], met)


# ---- queries ----

QUERIES = {
    "aggregates": """
import "math"
{data} |> filter(fn: (r) => r.s =~ /^00[0-7]$/ and r._field == "v") |> aggregateWindow(every: 5m, fn: mean, createEmpty: true)
  |> fill(usePrevious: true) |> map(fn: (r) => ({{r with _value: math.floor(x: r._value), long: string(v: r._value) + r.s}}))
  |> group(columns: ["_time"]) |> sort(columns: ["_value", "s"], desc: true) |> limit(n: 3) |> yield(name: "a")
{data} |> filter(fn: (r) => r._value > 10.0 or not exists r.s) |> quantile(q: 0.9) |> yield(name: "b")
""",
    "joins": """
left = {data} |> filter(fn: (r) => r.s < "003") |> keep(columns: ["_time", "_value", "s"]) |> limit(n: 20)
right = {data} |> range(start: 2020-09-13T12:26:40Z) |> group() |> pivot(rowKey: ["_time"], columnKey: ["s"], valueColumn: "_value") |> limit(n: 20)
join(tables: {{l: left, r: right}}, on: ["_time"]) |> drop(columns: ["_start", "_stop"]) |> yield(name: "j")
union(tables: [left, left |> derivative(unit: 1s)]) |> window(every: 1m) |> reduce(identity: {{n: 0, t: ""}}, fn: (r, accumulator) =>
  ({{n: accumulator.n + 1, t: accumulator.t + r.s}})) |> distinct(column: "n") |> yield(name: "u")
""",
    "values": """
import "array"
import "csv"
import "dict"
import "json"
import "strings"
f = (x=1, y) => x + y
d = dict.fromList(pairs: [{{key: "a", value: f(y: 2)}}, {{key: "b", value: 3}}])
rows = array.from(rows: [{{a: dict.get(dict: d, key: "a", default: 0), b: strings.joinStr(arr: strings.split(v: "x,y,z", t: ","), v: "-")}}])
rows |> map(fn: (r) => ({{r with c: string(v: json.encode(v: r))}})) |> yield(name: "r")
csv.from(csv: "a,b\n1,2\n3,4\n", mode: "raw") |> yield(name: "c")
""",
}


class QueryDaemon(FluxDaemon, Daemon):
    def answer(self, script):
        """(status, body); status 0 when the connection ends before the answer does."""
        try:
            status, _, body = self.ask(script, Accept="text/csv")
            return status, body.decode()
        except (ConnectionError, http.client.HTTPException) as err:
            return 0, str(err)


def is_told(status, body):
    """Whether an answer that is not the right one says that it is none, or not all."""
    return status == 0 or (status >= 400 and '"message"' in body) or (status == 200 and "error,reference" in body)


@runner.needs(PlainBuild)
def test_query():
    """Over HTTP: the whole answer, or a refusal, or an end that says that it is one; the next query has it."""
    with Allocations() as alloc:
        tsaggd = QueryDaemon()
        tsaggd.alloc = alloc
        with tsaggd:
            data, findings, met, done = tsaggd.fill(12, 300), Findings(), 0, []
            for name, text in QUERIES.items():
                script = text.format(data=data)
                want = tsaggd.answer(script)
                assert want[0] == 200 and not is_told(*want), want
                with alloc.recorded() as places:
                    assert tsaggd.answer(script) == want
                before = descriptors(tsaggd)
                for place in chosen(places, 60):
                    with alloc.failing(place):
                        got = tsaggd.answer(script)
                    met += alloc.failed()
                    findings.check(tsaggd.running(), alloc, "tsaggd", f"{name}: ended: {tsaggd.log()[-400:]}")
                    if not tsaggd.running():
                        tsaggd.respawn(json.dumps(tsaggd.config))
                        continue
                    findings.check(got == want or is_told(*got), alloc, "tsaggd", f"{name}: {got[0]} {got[1][:300]!r}")
                    again = tsaggd.answer(script)
                    findings.check(again == want, alloc, "tsaggd", f"{name} afterwards: {again[0]} {again[1][:300]!r}")
                done += chosen(places, 60)
                until(lambda: descriptors(tsaggd) <= before, 10, f"no more than {before} descriptors")
            assert tsaggd.queries()["running"] == 0, tsaggd.queries()
        findings.end("query", done, met)


@runner.needs(PlainBuild)
def test_query_local():
    """tsagg-query --local: the answer, or a message and an exit status above 1; the store is as it was."""
    with Allocations() as alloc:
        tsaggd = FluxDaemon()
        with tsaggd:
            data = tsaggd.fill(12, 300)
        findings, met, done = Findings(), 0, []
        for name, text in QUERIES.items():
            command = [f"--local={tsaggd.dir}/state", "--format", "csv", text.format(data=data)]
            want = tool("tsagg-query", *command).stdout
            assert b"yield" not in want and want
            with alloc.recorded() as places:
                assert tool("tsagg-query", *command, env=alloc.env).stdout == want
            for place in chosen(places, 25):
                with alloc.failing(place):
                    got = tool("tsagg-query", *command, env=alloc.env)
                met += alloc.failed()
                told = got.returncode in (2, 3, 4, 5) and got.stderr or got.returncode == 1 and b"level=fatal" in got.stderr
                findings.check((got.returncode == 0 and got.stdout == want) or told, alloc, "tsagg-query",
                               f"{name}: {got.returncode} {got.stderr[-300:]!r} {len(got.stdout)} bytes, not {len(want)}")
            done += chosen(places, 25)
            assert tool("tsagg-query", *command).stdout == want
        findings.end("query --local", done, met)


# ---- a write, a connection ----

@runner.needs(PlainBuild)
def test_write():
    """A body is taken whole, or refused with 503, which the counter for that says as often; the next one is taken."""
    with Allocations() as alloc:
        tsaggd = Daemon()
        tsaggd.alloc = alloc
        with tsaggd:
            findings, met, answers, names = Findings(), 0, collections.Counter(), itertools.count()

            def write():
                lines = "".join(f"w{next(names)},host=h v=1\n" for _ in range(3))
                answer = post(tsaggd, "/api/v2/write?org=o&bucket=b", lines)
                answers[answer[0]] += 1
                return answer

            write()
            with alloc.recorded() as places:
                write()
            for place in chosen(places, 40):
                with alloc.failing(place):
                    status, text = write()
                met += alloc.failed()
                findings.check(tsaggd.running() and (status in (0, 204) or status == 503 and text.strip()), alloc, "tsaggd", f"{status} {text}")
                findings.check(write()[0] == 204, alloc, "tsaggd", "the next write is not taken")
            result = {dict(labels)["result"]: n for (name, labels), n in tsaggd.metrics().items() if name == "tsagg_http_writes_total"}
            assert result["unavailable"] == answers[503] > 0, (result, answers)
            assert answers[204] <= result["taken"] <= answers[204] + answers[0] and tsaggd.lines_read() == 3 * result["taken"], (result, answers)
        findings.end("write", chosen(places, 40), met)


def is_closed(conn):
    try:
        return conn.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@runner.needs(PlainBuild)
def test_connection():
    """A connection's line is counted, or the connection is closed at once and counted as refused; the next one is served."""
    with Allocations() as alloc:
        tsaggd = Daemon()
        tsaggd.alloc, port = alloc, free_port()
        tsaggd.config["listen"] += [{"url": f"tcp://{LOOPBACK}:{port}"}]
        with tsaggd:
            findings, met, refused, names = Findings(), 0, 0, itertools.count()

            def connect(done):
                """Without a request meanwhile: that would allocate as well."""
                conn = socket.create_connection((LOOPBACK, port))
                conn.sendall(f"c{next(names)}:1|c\n".encode())
                conn.setblocking(False)
                with contextlib.suppress(TimeoutError):
                    until(lambda: done() or is_closed(conn), 0.3, "what was waited for")
                return conn

            def served(conn, read):
                with conn:
                    return until(lambda: tsaggd.lines_read() > read and "yes" or is_closed(conn) and "no", 10, "a line, or an end") == "yes"

            with alloc.recorded() as places:
                connect(lambda: False).close()
            for place in chosen(places, 40):
                read = tsaggd.lines_read()
                with alloc.failing(place):
                    conn = connect(alloc.failed)
                met += alloc.failed()
                refused += not served(conn, read)
                findings.check(tsaggd.running(), alloc, "tsaggd", "ended")
                read = tsaggd.lines_read()
                findings.check(served(connect(lambda: True), read), alloc, "tsaggd", "the next connection is not served")
            counted = tsaggd.metrics()["tsagg_connections_refused_total", (("reason", "no_memory"),)]
            assert counted == refused > 0, (counted, refused)
        print(f"  connection: {len(places)} places, {met} failed, {refused} refused")  # tables that grow once are not met again
        assert not findings, "\n\n".join(findings)


if __name__ == "__main__":
    runner.main()
