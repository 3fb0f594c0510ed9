#!/usr/bin/env python3
"""Buckets, organizations and deletes: the same requests to tsaggd and to InfluxDB 2.7, and the same answers."""
import http.client
import json
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, runner
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.influx import Influx2
from tsagg_test.ports import LOOPBACK

BUCKETS, DELETE, ORGS = "/api/v2/buckets", "/api/v2/delete", "/api/v2/orgs"
SPAN = {"start": "2019-12-31T00:00:00Z", "stop": "2020-01-02T00:00:00Z"}
JSON = {"Content-Type": "application/json"}


class Server:
    """One of the two, with what differs between them put aside."""

    def __init__(self, port, token, log):
        self.port, self.token, self.log = port, token, log
        self.org_id = self.json("GET", ORGS + "?org=o")["orgs"][0]["id"]

    def request(self, method, path, body=None, headers=None, token=True):
        """(status, error code, text)"""
        conn = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        try:
            text = json.dumps(body) if isinstance(body, (dict, list)) else body
            auth = {"Authorization": f"Token {self.token}"} if token else {}
            conn.request(method, path, text, {**auth, **JSON, **(headers or {})})
            answer = conn.getresponse()
            return answer.status, answer.headers["X-Platform-Error-Code"], answer.read().decode()
        finally:
            conn.close()

    def json(self, method, path, body=None):
        return json.loads(self.request(method, path, body)[2] or "null")

    def bucket_id(self, name):
        return self.json("GET", BUCKETS + "?name=" + urllib.parse.quote(name))["buckets"][0]["id"]


def shape(value, server, names):
    """Numbers and times as what they are; buckets as their names, which differ in nothing."""
    if isinstance(value, dict):
        return {key: shape(item, server, names) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item, server, names) for item in value]
    if isinstance(value, str):
        value = value.replace(server.org_id, "ORG")
        value = re.sub(r"(^|org=)tsagg$", r"\1o", value)  # when no name is asked for
        for number, name in names.items():
            value = value.replace(number, f"<{name}>")
        value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", value)
        path, _, query = value.partition("?")
        return path + "?" + "&".join(sorted(query.split("&"))) if query else value
    return value


def same(servers, method, path, body=None, message=True, token=True):
    """Both give the same answer; {b} is the number of bucket b. Texts that say how JSON is wrong may differ."""
    answers = []
    for server in servers:
        found = server.json("GET", BUCKETS + "?limit=100")["buckets"]
        names = {bucket["id"]: bucket["name"] for bucket in found}
        numbers = {bucket["name"]: bucket["id"] for bucket in found}
        own = re.sub(r"\{(\w+)\}", lambda m: server.org_id if m[1] == "ORG" else numbers[m[1]], path)
        sent = {key: server.org_id if value == "ORG" else value for key, value in body.items()} if isinstance(body, dict) else body
        status, code, text = server.request(method, own, sent, token=token)
        value = shape(json.loads(text), server, names) if text and text[0] in "{[" else None
        if isinstance(value, dict):
            if "buckets" in value:  # not InfluxDB's own
                value["buckets"] = [one for one in value["buckets"] if one["type"] == "user"]
            new = next((one for one in server.json("GET", BUCKETS + "?limit=100")["buckets"] if one["id"] == value.get("id")), None)
            if new:
                value = shape(value, server, {new["id"]: new["name"]})
            if "code" in value and not message:
                value["message"] = "…"
        drop_durations(value)
        answers.append((status, code, value))
    assert answers[0] == answers[1], (method, path, body, *answers)
    return answers[0]


def drop_durations(value):
    """How long a shard is by default is each server's own."""
    for rule in value.get("retentionRules", []) if isinstance(value, dict) else []:
        del rule["shardGroupDurationSeconds"]
    for bucket in value.get("buckets", []) if isinstance(value, dict) else []:
        drop_durations(bucket)


def both():
    influx = Influx2().start().setup()
    sinks = {"st": {"type": "store", "bucket": "b"}}
    tsaggd = Tsaggd(rollups=[{"name": "r", "every": "10s", "to": ["st"]}], sinks=sinks)
    tsaggd.config["http"].update(write="store", token=influx.token)
    tsaggd.start()
    return influx, tsaggd, [Server(influx.port, influx.token, influx), Server(tsaggd.http_port, influx.token, tsaggd)]


def expire(seconds, **more):
    return [{"type": "expire", "everySeconds": seconds, **more}]


@runner.needs(Influx2)
def test_buckets_and_orgs():
    influx, tsaggd, servers = both()

    def check(*args, **options):
        return same(servers, *args, **options)

    for path in ORGS, BUCKETS, BUCKETS + "/{b}":
        assert check("GET", path, token=False)[:2] == (401, "unauthorized")
    for query in ("?org=o", "?orgID={ORG}", "?limit=1", "?limit=0", "?limit=101", "?limit=x", "?offset=1", "?orgID=00000000000f0001"):
        check("GET", ORGS + query)
    for path in ("/{ORG}", "/00000000000f0001", "/zz"):
        check("GET", ORGS + path)
    assert check("POST", BUCKETS, {"orgID": "ORG", "name": "n1"})[0] == 201
    check("POST", BUCKETS, {"orgID": "ORG", "name": "n2", "description": "d ü \"x\"", "retentionRules": expire(86400)})
    check("POST", BUCKETS, {"orgID": "ORG", "name": "n3", "retentionRules": expire(7200, shardGroupDurationSeconds=3600)})
    check("POST", BUCKETS, {"orgID": "ORG", "name": "n4", "retentionRules": [], "other": 1})
    for wrong in ({"orgID": "ORG", "name": "n1"}, {"name": "x"}, {"orgID": "ORG", "name": "_x"}, {"orgID": "ORG", "name": 'q"q'},
                  {"orgID": "zz", "name": "x"}, {"orgID": "00000000000f0001", "name": "x"},
                  {"orgID": "ORG", "name": "x", "retentionRules": expire(60)},
                  {"orgID": "ORG", "name": "x", "retentionRules": expire(-60)},
                  {"orgID": "ORG", "name": "x", "retentionRules": expire(86400) * 2}, ""):
        assert check("POST", BUCKETS, wrong)[0] >= 400
    for wrong in ("{bad", {"orgID": "ORG", "name": 5}):
        assert check("POST", BUCKETS, wrong, message=False)[0] == 400
    for query in ("?org=o", "?org=o&name=b", "?name=b", "?name=nope", "?orgID={ORG}", "?orgID=00000000000f0001", "?orgID=zz", "?id={b}",
                  "?id=00000000000f0001", "?id=zz", "?limit=0", "?limit=101", "?limit=x", "?org=o&limit=100", "?name=b&limit=3",
                  "?descending=x", "?after=zz", "?offset=100", "?offset=-1&name=b"):
        check("GET", BUCKETS + query)
    assert len(check("GET", BUCKETS + "?org=o&descending=true&limit=2")[2]["buckets"]) == 2
    for path in ("/{b}", "/00000000000f0001", "/zz"):
        check("GET", BUCKETS + path)
    for body in ({"retentionRules": expire(864000)}, {"retentionRules": expire(60)}, {"retentionRules": []},
                 {"retentionRules": expire(0)}, {"name": "n1"}, {"name": "_a"}, {"description": "hello"}, {}, "", {"name": "b"}):
        check("PATCH", BUCKETS + "/{b}", body)
    check("PATCH", BUCKETS + "/00000000000f0001", {"name": "q"})
    check("PATCH", BUCKETS + "/zz", {"name": "q"})
    assert check("PATCH", BUCKETS + "/{n2}", {"name": "n5"})[2]["name"] == "n5"
    for method, path in (("PUT", BUCKETS), ("DELETE", BUCKETS), ("POST", BUCKETS + "/{b}"), ("DELETE", ORGS)):
        assert servers[0].request(method, path.replace("{b}", servers[0].bucket_id("b")))[0] == \
            servers[1].request(method, path.replace("{b}", servers[1].bucket_id("b")))[0] == 405
    for server in servers:
        number = server.bucket_id("n5")
        assert [server.request("DELETE", f"{BUCKETS}/{one}")[0] for one in (number, number, "zz")] == [204, 404, 400]
    influx.stop()
    tsaggd.stop()


# What there is, and what a predicate leaves of it.
LINES = "".join(f"{key} f=1,g=2i 1577836800000000001\n" for key in (
    "m", "m,a=b", "m,a=c", "m,a=b,c=d", "m,a=5", "m,a=true", "m,a=1h", "m,a=1.5", 'm,a=x\\ y', "m,a=it's", 'm,a\\ b=c', "m,a=-1",
    "n,a=b", "n,c=d"))
PREDICATES = (
    "", 'a="b"', "a=b", 'a!="b"', 'a=""', 'a!=""', '_measurement="n"', "_measurement=m", 'a=5', "a=true", "a=TRUE", "a=1h", "a=1.5",
    "a=-1", "a=05", 'a="x y"', 'a="it\'s"', '"a b"="c"', 'a="b" AND c="d"', 'a="b" and c="d"', '(a="b")', '((a="b") and (c="d"))',
    'a="b" AND (_measurement="m" AND c="d")', '_measurement="m" AND a!="b"', 'nope="x"', 'nope!="x"', "a= \n b", 'a="b"\tAND\nc="d"',
    '_value="1"')
WRONG = (
    "a", "a=", "=b", "a b", "a>b", 'a="b" AND', 'AND a="b"', '(a="b"', 'a="b")', 'a="b" OR c="d"', "a=~/x/", "a!~/x/", 'a="b" && c="d"',
    "a-b=c", "a=b-c", "a=b.c", "a='b'", "not a=b", "a==b", "  ", 'a="b"c="d"', "a=$b", "a=*", "a=and", '_field="f"', 'a=b AND _field="f"',
    'a="b')


@runner.needs(Influx2)
def test_delete():
    influx, tsaggd, servers = both()

    def check(query, body, message=True):
        return same(servers, "POST", DELETE + query, body, message=message)

    for query in ("?org=o", "?bucket=b", "", "?org=o&bucket=nope", "?orgID=zz&bucket=b", "?org=o&bucketID=zz",
                  "?org=o&bucketID=00000000000f0001", "?orgID={ORG}&bucketID={b}"):
        check(query, SPAN)
    for body in ({}, {"start": SPAN["start"]}, {**SPAN, "start": "x"}, {**SPAN, "stop": "2020-01-01"}, "",
                 {"start": SPAN["stop"], "stop": SPAN["start"]}, {**SPAN, "other": 1}, {**SPAN, "start": "2020-01-01T00:00:00+02:00"}):
        check("?org=o&bucket=b", body)
    for body in ("{", {**SPAN, "predicate": 5}, {"start": 5, "stop": 6}):
        check("?org=o&bucket=b", body, message=False)
    for predicate in WRONG:
        status = check("?org=o&bucket=b", {**SPAN, "predicate": predicate}, message=False)[0]
        assert status == (501 if "_field" in predicate else 400), predicate
    write = "/api/v2/write?org=o&bucket="
    for i, predicate in enumerate(PREDICATES):
        for server in servers:
            assert server.request("POST", BUCKETS, {"orgID": server.org_id, "name": f"t{i}"})[0] == 201
            target = server.bucket_id(f"t{i}") if i % 2 else f"t{i}"  # a write may name the bucket by its number
            assert server.request("POST", write + target, LINES)[0] == 204
        assert check(f"?org=o&bucket=t{i}", {**SPAN, "predicate": predicate})[0] == 204, predicate
        rows = influx.query(f'from(bucket: "t{i}") |> range(start: 0) |> map(fn: (r) => ({{r with _value: string(v: r._value)}}))')
        fixed = {"result", "table", "_start", "_stop", "_time", "_value", "_measurement", "_field"}
        left = {(row["_measurement"], tuple((key, row[key]) for key in sorted(row) if key not in fixed and row[key] is not None),
                 row["_field"]) for row in rows}
        points = lineproto.read_points(tool("tsagg-ctl", "store", "export", "--bucket", f"t{i}", "--dir",
                                            tsaggd.dir / "state/store").stdout.decode())
        kept = {(name, tags, field) for (name, tags, _), fields in points.items() for field in fields}
        assert kept == left, (predicate, kept ^ left)
    influx.stop()
    tsaggd.stop()


if __name__ == "__main__":
    runner.main()
