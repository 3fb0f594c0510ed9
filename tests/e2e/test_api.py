#!/usr/bin/env python3
"""InfluxDB's API for buckets, organizations and deletes, without InfluxDB beside it; other origins; where v1 writes go."""
import base64
import http.client
import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK

TOKEN = "sesame"
BUCKETS = "/api/v2/buckets"
PAGE = "https://page.example"


class Store(Tsaggd):
    def __init__(self, write="store", **http_options):
        super().__init__(rollups=[{"name": "r", "every": "10s", "to": ["out"]}])
        self.config["sinks"] = {"out": {"type": "file", "path": str(self.dir / "out.lp")}}
        self.config["http"].update(write=write, token=TOKEN, **http_options)

    def request(self, method, path, body=None, headers=None, token=TOKEN):
        """(status, headers, the JSON of the body)"""
        conn = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=60)
        try:
            text = json.dumps(body) if isinstance(body, dict) else body
            auth = {"Authorization": f"Token {token}"} if token else {}
            conn.request(method, path, text, {**auth, **(headers or {})})
            answer = conn.getresponse()
            found = answer.read().decode()
            return answer.status, answer.headers, json.loads(found) if found else None
        finally:
            conn.close()

    def org_id(self):
        return self.request("GET", "/api/v2/orgs?org=any")[2]["orgs"][0]["id"]

    def make(self, name, **more):
        status, _, made = self.request("POST", BUCKETS, {"orgID": self.org_id(), "name": name, **more})
        assert status == 201, made
        return made

    def points(self, bucket):
        done = tool("tsagg-ctl", "store", "export", "--bucket", bucket, "--dir", self.dir / "state/store")
        return done.stdout.decode().splitlines()


def test_a_bucket_lives_and_goes():
    with Store() as tsaggd:
        assert tsaggd.request("GET", BUCKETS)[2]["buckets"] == []
        made = tsaggd.make("röhre 1", description="of the \"north\"", retentionRules=[{"type": "expire", "everySeconds": 7200}])
        assert made["retentionRules"] == [{"type": "expire", "everySeconds": 7200, "shardGroupDurationSeconds": 6 * 3600}]
        assert made["description"] == 'of the "north"' and made["orgID"] == tsaggd.org_id()
        # The same number under its name, alone, and after a restart.
        tsaggd.restart()
        for path in (BUCKETS + "?name=" + urllib.parse.quote("röhre 1"), BUCKETS + "?id=" + made["id"]):
            assert tsaggd.request("GET", path)[2]["buckets"] == [made]
        one = f"{BUCKETS}/{made['id']}"
        assert tsaggd.request("GET", one)[2] == made
        status, _, changed = tsaggd.request("PATCH", one, {"name": "two", "retentionRules": [{"everySeconds": 0}]})
        assert status == 200 and changed["name"] == "two" and changed["retentionRules"][0]["everySeconds"] == 0
        assert changed["description"] == made["description"] and changed["updatedAt"] > made["updatedAt"]
        for target in "two", made["id"]:
            assert tsaggd.request("POST", f"/api/v2/write?org=x&bucket={target}", f"m,by={target} f=1 5")[0] == 204
        assert tsaggd.points("two") == [f"m,by={made['id']} f=1 5", "m,by=two f=1 5"]
        assert tsaggd.request("DELETE", one)[0] == 204
        assert tsaggd.request("DELETE", one)[0] == 404
        assert tsaggd.request("POST", "/api/v2/write?org=x&bucket=two", "m f=1 5")[0] == 404
        # Made again it is empty, and another one.
        assert tsaggd.make("two")["id"] != made["id"] and tsaggd.points("two") == []


def test_pages_of_a_list():
    with Store() as tsaggd:
        ids = [tsaggd.make(f"b{i:02}")["id"] for i in range(25)]
        path, seen = BUCKETS + "?limit=10", []
        while path:
            page = tsaggd.request("GET", path)[2]
            seen += [bucket["id"] for bucket in page["buckets"]]
            path = page["links"].get("next")
        assert seen == ids
        after = tsaggd.request("GET", f"{BUCKETS}?limit=3&after={ids[4]}")[2]["buckets"]
        assert [bucket["id"] for bucket in after] == ids[5:8]
        last = tsaggd.request("GET", f"{BUCKETS}?descending=true&limit=2&offset=1&org=any")[2]
        assert [bucket["name"] for bucket in last["buckets"]] == ["b23", "b22"]
        assert last["links"]["prev"].count("offset=0") == 1


def test_deletes():
    with Store() as tsaggd:
        bucket = tsaggd.make("b")["id"]
        lines = [f"m,host={host} f={i},s=\"x\" {i}" for host in "ab" for i in range(10)]
        assert tsaggd.request("POST", "/api/v2/write?org=o&bucket=b", "\n".join(lines))[0] == 204

        def delete(start, stop, predicate=None, query=f"org=o&bucketID={bucket}"):
            times = {name: f"1970-01-01T00:00:00.{ns:09}Z" for name, ns in (("start", start), ("stop", stop))}
            return tsaggd.request("POST", "/api/v2/delete?" + query,
                                  {**times, **({"predicate": predicate} if predicate else {})})[::2]

        assert delete(2, 4, 'host="a" AND _measurement=m') == (204, None)
        status, error = delete(0, 9, 'host="a" OR host="b"')
        assert status == 400 and "OR is not supported" in error["message"], error
        assert delete(0, 9, '_field="f"')[0] == 501
        assert delete(5, 4) == (204, None)
        assert delete(9, 9, query="org=o&bucket=b") == (204, None)
        tsaggd.restart()
        left = [f"m,host={host} f={i} {i}" for host in "ab" for i in range(9) if host == "b" or not 2 <= i <= 4]
        assert [line for line in tsaggd.points("b") if " f=" in line] == left
        assert len(tsaggd.points("b")) == 2 * len(left)


def test_without_a_store():
    with Store(write="aggregate") as tsaggd:
        for method, path in (("GET", BUCKETS), ("POST", "/api/v2/delete?org=o&bucket=b"), ("GET", BUCKETS + "/" + "1" * 16)):
            status, headers, error = tsaggd.request(method, path, {} if method == "POST" else None)
            assert (status, headers["X-Platform-Error-Code"]) == (501, "not implemented") and "no embedded store" in error["message"]
        assert tsaggd.request("GET", "/api/v2/orgs")[2]["orgs"][0]["name"] == "tsagg"


def test_who_may_ask():
    with Store() as tsaggd:
        for path in (BUCKETS, "/api/v2/orgs", BUCKETS + "/0000000000000001", "/api/v2/orgs/0000000000000001"):
            assert tsaggd.request("GET", path, token=None)[0] == tsaggd.request("GET", path, token="sesam")[0] == 401
        assert tsaggd.request("POST", "/api/v2/delete?org=o&bucket=b", {}, token=None)[0] == 401
        for path in ("/ping", "/health", "/ready"):
            assert tsaggd.request("GET", path, token=None)[0] in (200, 204)
        ready = tsaggd.request("GET", "/ready", token=None)[2]
        assert ready["status"] == "ready" and set(ready) == {"status", "started", "up"}
        health = tsaggd.request("GET", "/health", token=None)[2]
        assert health["status"] == "pass" and set(health) == {"name", "message", "status", "checks", "version", "commit"}
        # A body that is not wanted is not waited for.
        status, _, _ = tsaggd.request("POST", BUCKETS, "x" * 100, {"Expect": "100-continue"}, token=None)
        assert status == 401
        assert tsaggd.request("POST", BUCKETS, "x" * (1 << 20) + "x")[0] == 413


def test_databases_of_influxdb_1():
    with Store() as tsaggd:
        for name in ("plain", "old/autogen", "old/year"):
            tsaggd.make(name)

        def write(query, headers=None, token=None):
            line = f"m,q={query.split('&u=')[0].replace('=', '-')} f=1 5"
            return tsaggd.request("POST", "/write?" + query, line, headers, token=token)[0]

        basic = {"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()}
        assert write("db=plain", basic) == 204
        assert write(f"db=plain&rp=autogen&u=me&p={TOKEN}") == 204
        assert write("db=old", {"Authorization": f"Token me:{TOKEN}"}) == 204
        assert write("db=old&rp=autogen", {"Authorization": f"Bearer {TOKEN}"}) == 204
        assert write("db=old&rp=year", token=TOKEN) == 204
        assert [write("db=plain&rp=year", basic), write("db=other", basic), write("db=other&rp=autogen", basic)] == [404] * 3
        for headers in (None, {"Authorization": "Token me:sesam"}, {"Authorization": "Basic bWU6c2VzYW0="}):
            assert write("db=plain", headers) == write("db=plain&u=me&p=sesam", headers) == 401
        assert tsaggd.points("plain") == ["m,q=db-plain f=1 5", "m,q=db-plain&rp-autogen f=1 5"]
        assert tsaggd.points("old/autogen") == ["m,q=db-old f=1 5", "m,q=db-old&rp-autogen f=1 5"]
        assert tsaggd.points("old/year") == ["m,q=db-old&rp-year f=1 5"]


def test_other_origins():
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    with Store() as tsaggd:
        status, headers, _ = tsaggd.request("OPTIONS", "/api/v2/write", headers=asked, token=None)
        assert status == 405 and "Access-Control-Allow-Origin" not in headers
        assert "Access-Control-Allow-Origin" not in tsaggd.request("GET", BUCKETS, headers=asked)[1]
    for allowed, others in ((PAGE, False), ("*", True)):
        with Store(allow_origin=allowed) as tsaggd:
            status, headers, _ = tsaggd.request("OPTIONS", "/api/v2/write", headers=asked, token=None)
            assert status == 204 and headers["Access-Control-Allow-Origin"] == PAGE
            assert "POST" in headers["Access-Control-Allow-Methods"] and "Authorization" in headers["Access-Control-Allow-Headers"]
            for path in (BUCKETS, BUCKETS + "/zz", "/ping"):
                assert tsaggd.request("GET", path, headers=asked)[1]["Access-Control-Allow-Origin"] == PAGE
            other = tsaggd.request("GET", "/ping", headers={"Origin": "https://other.example"})[1]
            assert ("Access-Control-Allow-Origin" in other) == others and (others or "Vary" not in other)
            assert "Access-Control-Allow-Origin" not in tsaggd.request("GET", "/ping")[1]


if __name__ == "__main__":
    runner.main()
