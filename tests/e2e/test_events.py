#!/usr/bin/env python3
"""DogStatsD events and service checks: passed through to the sinks, each as a point of its own, and accounted for."""
import json
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import StubInflux
from tsagg_test.times import NS
from tsagg_test.wait import until

AT_S = 1700000000
EVENT = (f"_e{{5,11}}:t \"1\"|some\\ntext!|d:{AT_S}|h:web 1|k:deploy|p:low|s:git|t:error|#env:prod,flag|c:ci-1"
         f"|card:low")
CHECK = f"_sc|db.up|2|d:{AT_S}|h:db1|#env:prod|m:no, \"it\" is down"
EVENT_POINT = ('events,alert_type=error,cardinality=low,container_id=ci-1,env=prod,flag=true,hostname=web\\ 1,priority=low,'
               'source_type=git title="t \\"1\\"",text="some\ntext!",aggregation_key="deploy"')
CHECK_POINT = 'service_checks,env=prod,hostname=db1,name=db.up status=2i,message="no, \\"it\\" is down"'
PLAIN_POINT = 'events,alert_type=info,priority=normal title="{}",text="x"'


def plain(title, at_s=AT_S):
    return f"_e{{{len(title)},1}}:{title}|x|d:{at_s}"


def files(tsaggd, *names):
    tsaggd.config["sinks"] = {name: {"type": "file", "path": str(tsaggd.dir / f"{name}.lp"), "flush_interval": "10ms"}
                              for name in names}
    tsaggd.config["rollups"] = [{"name": "r", "every": "10s", "to": [names[0]]}]
    return tsaggd


def points(text):
    """[(what stands before the time, time)]; a record may hold a line end."""
    found, begun = [], ""
    for line in text.splitlines():
        head, _, time_ns = line.rpartition(" ")
        if time_ns.isdigit() and len(time_ns) == 19:
            found.append((begun + head, int(time_ns)))
            begun = ""
        else:
            begun += line + "\n"
    assert not begun, begun
    return found


def say(tsaggd, *lines):
    before = tsaggd.lines_read()
    udp.send_datagrams(tsaggd.udp_port, ["\n".join(lines).encode()])
    tsaggd.wait_read(before + len(lines))


def assert_within_a_millisecond(found, at_s):
    for head, time_ns in found:
        assert at_s * NS <= time_ns < at_s * NS + NS // 1000, (head, time_ns)


def test_every_field_arrives():
    tsaggd = files(Tsaggd(), "file")
    tsaggd.config["listen"][0]["origin_tags"] = True
    with tsaggd:
        say(tsaggd, EVENT, CHECK, "hits:1|c", "_e{1,2}:bad")
        tsaggd.assert_balanced()
        status = tsaggd.status()
        assert status["samples"]["received"] == 4 and status["samples"]["passed"] == 2, status["samples"]
        assert status["samples"]["rejected"] == 1 and status["lines"]["accepted"] == 3
        assert tsaggd.metrics()["tsagg_samples_passed_total", ()] == 2
        tsaggd.stop()
        found = points((tsaggd.dir / "file.lp").read_text())
    passed = [point for point in found if not point[0].startswith("hits")]
    assert sorted(head for head, _ in passed) == [EVENT_POINT, CHECK_POINT], passed
    assert_within_a_millisecond(passed, AT_S)
    assert len(found) == 3


def test_origin_is_left_out_unless_asked_for():
    with files(Tsaggd(), "file") as tsaggd:
        say(tsaggd, EVENT)
        tsaggd.stop()
        [(head, _)] = points((tsaggd.dir / "file.lp").read_text())
    assert head == EVENT_POINT.replace("cardinality=low,container_id=ci-1,", "")


def test_events_alike_do_not_replace_each_other():
    with files(Tsaggd(), "file") as tsaggd:
        for _ in range(10):
            say(tsaggd, *[plain("same")] * 20)
        tsaggd.stop()
        found = points((tsaggd.dir / "file.lp").read_text())
    assert [head for head, _ in found] == [PLAIN_POINT.format("same")] * 200
    assert len({time_ns for _, time_ns in found}) == 200
    assert_within_a_millisecond(found, AT_S)


def test_without_a_time_the_arrival_counts():
    with files(Tsaggd(), "file") as tsaggd:
        before_ns = time.time_ns()
        say(tsaggd, "_sc|x|0", "_sc|x|0")
        after_ns = time.time_ns()
        tsaggd.stop()
        found = points((tsaggd.dir / "file.lp").read_text())
    assert [head for head, _ in found] == ["service_checks,name=x status=0i"] * 2
    assert found[0][1] != found[1][1]
    assert all(before_ns - NS // 1000 <= time_ns <= after_ns + NS // 1000 for _, time_ns in found), found


def test_they_go_to_the_sinks_of_events_to():
    tsaggd = files(Tsaggd(), "one", "two")
    tsaggd.config["events"] = {"to": ["two"]}
    with tsaggd:
        say(tsaggd, plain("a"), "hits:1|c")
        tsaggd.wait_delivered("two", 1)
        tsaggd.stop()
        assert [head.split(",")[0] for head, _ in points((tsaggd.dir / "one.lp").read_text())] == ["hits"]
        assert [head for head, _ in points((tsaggd.dir / "two.lp").read_text())] == [PLAIN_POINT.format("a")]


def influx(url):
    return {"sinks": {"influx": {"type": "influxdb", "url": url, "org": "o", "bucket": "b", "flush_interval": "10ms",
                                 "retry_min": "10ms", "retry_max": "50ms"}},
            "rollups": [{"name": "r", "every": "10s"}]}


def test_influxdb_gets_them_over_failures():
    with StubInflux(lambda write, n: (204, {}) if n >= 3 else (503, {})) as stub:
        with Tsaggd(**influx(stub.url)) as tsaggd:
            for i in range(20):
                say(tsaggd, *[plain(f"e{i}-{j}") for j in range(10)])
            tsaggd.wait_delivered("influx", 200)
            status = tsaggd.status()
            assert status["samples"]["passed"] == 200
            assert tsaggd.sink("influx")["rolled_up"] == 200
        found = points("\n".join(stub.accepted))
    assert {head for head, _ in found} == {PLAIN_POINT.format(f"e{i}-{j}") for i in range(20) for j in range(10)}
    assert len({time_ns for _, time_ns in found}) == 200


def test_the_journal_keeps_them_over_a_crash():
    with StubInflux(lambda write, n: (503, {})) as down, StubInflux() as up:
        tsaggd = Tsaggd(**influx(down.url))
        with tsaggd:
            say(tsaggd, plain("before"), "_sc|x|3")
            # Durable once the sink has been told of them.
            until(lambda: tsaggd.sink("influx")["pending"] == 2, 20, "both are in the journal")
            tsaggd.kill9()
            tsaggd.restart(**influx(up.url))
            say(tsaggd, plain("after"))
            tsaggd.wait_delivered("influx", 3)
        heads = sorted(head for head, _ in points("\n".join(up.accepted)))
    assert heads == [PLAIN_POINT.format("after"), PLAIN_POINT.format("before"), "service_checks,name=x status=3i"]


def test_a_replay_gives_the_same_points():
    lines = [plain(f"e{i % 3}", AT_S + i // 10) for i in range(500)]
    written = []
    for _ in range(2):
        tsaggd = files(Tsaggd(), "file")
        tsaggd.config["http"] = {"address": ""}
        tsaggd.config_path.write_text(json.dumps(tsaggd.config))
        done = tool("tsaggd", "-c", tsaggd.config_path, "--input", "-", stdin="\n".join(lines).encode())
        assert done.returncode == 0, done.stderr
        assert b"500 events and service checks" in done.stderr
        written.append(points((tsaggd.dir / "file.lp").read_text()))
    assert written[0] == written[1]
    assert len(set(written[0])) == 500
    assert [time_ns // NS for _, time_ns in written[0]] == [AT_S + i // 10 for i in range(500)]


def test_a_flood_over_tcp_is_whole():
    tsaggd = files(Tsaggd(), "file")
    port = free_port()
    tsaggd.config["listen"].append({"url": f"tcp://{LOOPBACK}:{port}"})
    total = 50_000
    with tsaggd:
        with socket.create_connection((LOOPBACK, port)) as conn:
            conn.sendall("".join(plain(f"{i:05}") + "\n" + ("hits:1|c\n" if i % 10 == 0 else "")
                                 for i in range(total)).encode())
        tsaggd.wait_read(total + total // 10)
        tsaggd.wait_delivered("file", total)
        samples = tsaggd.status()["samples"]
        assert samples["passed"] == total and samples["dropped"] == 0, samples
        tsaggd.stop()
        found = [point for point in points((tsaggd.dir / "file.lp").read_text()) if point[0].startswith("events")]
    assert sorted(head for head, _ in found) == [PLAIN_POINT.format(f"{i:05}") for i in range(total)]
    assert len({time_ns for _, time_ns in found}) == total


def test_templates_take_names_apart():
    tsaggd = files(Tsaggd(), "file")
    tsaggd.config["listen"][0]["templates"] = ["servers.* .host.measurement.field dc=1", "*.temp room.measurement"]
    with tsaggd:
        say(tsaggd, "servers.web01.cpu.user:4|ms", "servers.web01.cpu.user:6|ms|#host:named", "kitchen.temp:20|g",
            "a.b.c:1|c", "servers.web01.cpu.user:8|ms|c:x")
        tsaggd.stop()
        found = {head.split(" ")[0]: head.split(" ")[1] for head, _ in points((tsaggd.dir / "file.lp").read_text())}
    assert set(found) == {"cpu,dc=1,host=web01,metric_type=timing", "cpu,dc=1,host=named,metric_type=timing",
                          "temp,metric_type=gauge,room=kitchen", "a.b.c,metric_type=counter"}, found
    assert found["cpu,dc=1,host=web01,metric_type=timing"].startswith("user_count=2,user_sum=12,user_min=4,user_max=8")
    assert found["temp,metric_type=gauge,room=kitchen"] == "min=20,max=20,mean=20,last=20"


def test_parse_shows_what_templates_do():
    done = tool("tsagg-ctl", "parse", "--template", "servers.* .host.measurement.field", "--origin-tags",
                stdin=b"servers.web01.cpu.user:4|ms|#a:b|c:ci-1\n")
    assert done.returncode == 0, done.stderr
    assert (b'"series":{"measurement":"cpu","field":"user","tags":[["a","b"],["container_id","ci-1"],["host","web01"]]}'
            in done.stdout), done.stdout
    done = tool("tsagg-ctl", "parse", "--template", "host", stdin=b"")
    assert done.returncode == 2 and b"names no measurement" in done.stderr


runner.main()
