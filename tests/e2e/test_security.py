#!/usr/bin/env python3
"""Secrets are in no log, answer or message; HTTP has limits; the systemd unit is a strict one."""
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner, udp
from tsagg_test.daemon import BUILD, Tsaggd, tool
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import StubInflux
from tsagg_test.wait import until

SECRETS = {"token": "swordfish-http", "influx": "swordfish-influx", "password": "swordfish-password", "proxy": "swordfish-proxy",
           "hmac": "swordfish-of-hmac-keys"}


def assert_none_in(text, where):
    found = [name for name, secret in SECRETS.items() if secret in text]
    assert not found, f"{found} in {where}: {[line for line in text.splitlines() if 'swordfish' in line][:3]}"


def config(stub):
    """Sinks that fail in every way in which curl or the server has something to say about it."""
    away = f"http://{LOOPBACK}:{free_port()}"
    influx = {"type": "influxdb", "org": "o", "bucket": "b", "token": SECRETS["influx"], "retry_min": "10ms", "retry_max": "100ms",
              "flush_interval": "20ms"}
    sinks = {
        "refused": {**influx, "url": stub.url},
        "away": {**influx, "url": away},
        "proxied": {**influx, "url": stub.url, "proxy": f"http://me:{SECRETS['proxy']}@{LOOPBACK}:{free_port()}"},
        "unknown": {**influx, "url": stub.url, "proxy": f"socks5h://me:{SECRETS['proxy']}@no.such.host.invalid:1"},
        "badproxy": {**influx, "url": stub.url, "proxy": f"http://me:{SECRETS['proxy']}@{LOOPBACK}:port"},
        "one": {"type": "influxdb1", "url": stub.url, "database": "d", "username": "me", "password": SECRETS["password"],
                "retry_min": "10ms", "flush_interval": "20ms"},
    }
    for name, sink in sinks.items():
        sink.update({"bucket": name} if sink["type"] == "influxdb" else {})
    return {"log_level": "debug", "sinks": sinks, "rollups": [{"name": "r", "every": "1s", "to": list(sinks)}]}


def test_no_secret_is_shown():
    with StubInflux(lambda write, n: (401, {}, json.dumps({"code": "unauthorized", "message": "unauthorized access"}).encode())) as stub:
        tsaggd = Tsaggd(**config(stub))
        tsaggd.config["http"]["token"] = SECRETS["token"]
        signed = {"url": f"udp://{LOOPBACK}:{free_port()}", "hmac_keys": [f"1:{SECRETS['hmac']}"]}
        tsaggd.config["listen"].append(signed)
        with tsaggd:
            udp.send(tsaggd.udp_port, [b"a:1|c"], read=tsaggd.lines_read)
            udp.send_datagrams(int(signed["url"].rsplit(":", 1)[1]), [b"a:1|c", SECRETS["hmac"].encode() * 3])
            until(lambda: all(sink["state"] != "ok" for sink in tsaggd.status()["sinks"]), 20, "all sinks have failed")
            for header in ("Token wrong", f"Token {SECRETS['token']}x", f"Basic {SECRETS['token']}", f"Token {SECRETS['token'][:-1]}"):
                conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=10)
                conn.request("GET", "/metrics", headers={"Authorization": header})
                answer = conn.getresponse()
                assert answer.status == 401
                assert_none_in(answer.read().decode() + str(answer.headers), "the answer to a wrong token")
                conn.close()
            for path in ("/metrics", "/api/v1/status", "/health", "/ready"):
                assert_none_in(tsaggd.get(path), path)
            good = tsaggd.config_path.read_text()
            for broken in ('"type": "influxdb1"', '"sinks": {', '"rollups": ['):
                tsaggd.config_path.write_text(good.replace(broken, "", 1))
                conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=30)
                conn.request("POST", "/api/v1/reload", headers={"Authorization": f"Token {SECRETS['token']}"})
                answer = conn.getresponse()
                assert answer.status >= 400
                assert_none_in(answer.read().decode(), "the answer to a reload")
                conn.close()
            tsaggd.config_path.write_text(good)
        assert_none_in(tsaggd.log(), "the log")
        assert tsaggd.log().count("event=reload_failed") >= 3
    printed = tool("tsaggd", "-c", tsaggd.config_path, "--print-config")
    assert printed.returncode == 0 and printed.stdout.count(b"<hidden>") == len(re.findall("swordfish", good)), printed.stdout
    assert_none_in((printed.stdout + printed.stderr).decode(), "--print-config")
    checked = tool("tsaggd", "--check", "--set", f"http.token={SECRETS['token']}\x01", "--set", f"sinks.a.url=http://me:{SECRETS['password']}@h")
    assert checked.returncode == 3
    assert_none_in(checked.stderr.decode(), "an error of the configuration")


def test_no_way_in_from_outside_without_a_token():
    for address in ("0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:8186"):
        done = tool("tsaggd", "--check", "--set", f'http.address="{address}"')
        assert done.returncode == 3 and b"there is no token" in done.stderr, (address, done)
        assert tool("tsaggd", "--check", "--set", f'http.address="{address}"', "--set", "http.token=swordfish").returncode == 0


def test_limits_of_requests():
    """Headers without end, too many connections, and requests that never end: each is ended, and others are answered meanwhile."""
    with Tsaggd() as tsaggd, contextlib.ExitStack() as stack:
        def connect():
            sock = stack.enter_context(socket.create_connection((LOOPBACK, tsaggd.http_port), timeout=30))
            return sock
        endless = connect()
        endless.sendall(b"GET /ping HTTP/1.1\r\nHost: h\r\n")
        with contextlib.suppress(ConnectionError):
            for i in range(4000):
                endless.sendall(b"X-%d: %s\r\n" % (i, b"x" * 1000))
        with contextlib.suppress(ConnectionError):
            said = endless.recv(4096)
            assert not said or b" 431 " in said or b" 413 " in said, said
        long_path = connect()
        with contextlib.suppress(ConnectionError):
            long_path.sendall(b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\n\r\n")
            said = long_path.recv(4096)
            assert not said or b" 414 " in said or b" 431 " in said, said
        assert tsaggd.get("/health")
        many = [connect() for _ in range(100)]
        refused = 0
        for sock in many:
            sock.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                try:
                    refused += sock.recv(1) == b""
                except ConnectionError:
                    refused += 1
        assert 30 <= refused < 100, refused
        for sock in many:
            sock.close()
        until(lambda: can_ask(tsaggd), 20, "answers again")


def can_ask(tsaggd):
    try:
        return tsaggd.status()
    except OSError:
        return None


class SystemdAnalyze:
    absent = "no systemd-analyze here"

    @staticmethod
    def available():
        return shutil.which("systemd-analyze") is not None


@runner.needs(SystemdAnalyze)
def test_unit_file():
    """The unit is valid, and what systemd finds exposed in it is little."""
    unit = BUILD / "etc" / "tsaggd.service"
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)],
                          capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done
    assert float(found[1]) <= 2.0 and done.returncode == 0, done.stdout
    print(f"  exposure {found[1]} of 10")


if __name__ == "__main__":
    runner.main()
