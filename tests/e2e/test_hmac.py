#!/usr/bin/env python3
"""Signed datagrams: what is let in once, and what is refused for which reason."""
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import REPO, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.streams import Streams
from tsagg_test.wait import scaled, until

SECRET_1, SECRET_2 = "the first secret of them", "the second one: with colons"
WINDOW = 960
NS = 1_000_000_000


class Signed(Streams):
    def __init__(self, scheme="udp", **options):
        super().__init__(scheme, hmac_keys=[f"1:{SECRET_1}", f"4294967295:{SECRET_2}"], **options)
        self.sock = None

    def start(self):
        super().start()
        if self.scheme == "udp":
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.connect((LOOPBACK, self.port))
        else:
            self.sock = self.connect()
        return self

    def send(self, *datagrams):
        for datagram in datagrams:
            self.sock.send(datagram)

    def wait_datagrams(self, n):
        until(lambda: self.listener()["datagrams_received"] >= n, 30, f"{n} datagrams read")

    def refused(self):
        return self.reasons("datagrams_refused")


def seal(lines, sequence, key=1, secret=SECRET_1, sender=7, time_ns=None, magic=b"TSA1"):
    """An envelope as docs/AUTH.md describes it."""
    time_ns = time.time_ns() if time_ns is None else time_ns
    text = magic + struct.pack(">IQQQ", key, sender, time_ns, sequence) + lines
    return text + hmac.digest(secret.encode(), text, hashlib.sha256)


def test_good_ones_and_both_keys():
    for scheme in ("udp", "unixgram"):
        with Signed(scheme) as tsaggd:
            tsaggd.send(seal(b"a:1|c\nb:2|c", 0), seal(b"a:1|c", 1), seal(b"", 2),
                        seal(b"a:1|c\n", 0, key=4294967295, secret=SECRET_2))
            tsaggd.wait_read(4)
            tsaggd.wait_datagrams(4)
            assert tsaggd.refused() == {}
            assert tsaggd.written() == {"a": 3, "b": 2}


def test_every_reason():
    with Signed() as tsaggd:
        now = time.time_ns()
        good = seal(b"good:1|c", 5)
        bad = {
            "no_envelope": [b"", b"plain:1|c", seal(b"", 6)[:63], seal(b"x:1|c", 6, magic=b"TSA2"), os.urandom(100)],
            "unknown_key": [seal(b"x:1|c", 6, key=2)],
            "bad_signature": [seal(b"x:1|c", 6, secret=SECRET_2), good[:-1] + bytes([good[-1] ^ 1]),
                              good[:40] + b"!" + good[41:], good + b"!", good[:-1],
                              seal(b"x:1|c", 6, key=4294967295)],
            "bad_time": [seal(b"x:1|c", 6, time_ns=now - 3600 * NS), seal(b"x:1|c", 6, time_ns=now + 31 * NS),
                         seal(b"x:1|c", 6, time_ns=0), seal(b"x:1|c", 6, time_ns=2 ** 64 - 1),
                         seal(b"x:1|c", 6, time_ns=2 ** 63)],
            "replayed": [good, good],
        }
        tsaggd.send(good)
        for datagrams in bad.values():
            tsaggd.send(*datagrams)
        tsaggd.wait_datagrams(1 + sum(map(len, bad.values())))
        assert tsaggd.refused() == {reason: len(datagrams) for reason, datagrams in bad.items()}
        assert tsaggd.listener()["datagrams_refused"] == sum(map(len, bad.values()))
        until(lambda: "event=datagrams_refused" in tsaggd.log(), 30, "told in the log")
        assert SECRET_1 not in tsaggd.log()
        assert tsaggd.written() == {"good": 1}


def test_each_datagram_once_in_any_order():
    rnd = random.Random(3)
    n = scaled(5000, 1000)
    # Never further behind than the window.
    order = sorted(range(n), key=lambda i: i + rnd.randrange(WINDOW // 2))
    start = rnd.randrange(2 ** 40)
    with Signed("unixgram", block="10s") as tsaggd:
        sealed = [seal(b"a:1|c", start + i) for i in range(n)]
        for at, i in enumerate(order):
            tsaggd.send(sealed[i])
            if at % 3 == 0:
                tsaggd.send(sealed[order[rnd.randrange(at + 1)]])
        repeats = -(-n // 3)
        tsaggd.wait_datagrams(n + repeats)
        assert tsaggd.refused() == {"replayed": repeats}
        assert tsaggd.written() == {"a": n}


def test_the_window():
    with Signed("unixgram") as tsaggd:
        far = 2 ** 64 - 1
        tsaggd.send(*(seal(b"a:1|c", i) for i in (far, far - WINDOW + 1, far - WINDOW, 0)))
        tsaggd.send(*(seal(b"b:1|c", i, sender=8) for i in (0, 63, 64, 1024, 64, 65, 1024 + 64, 128, 129)))
        tsaggd.wait_datagrams(13)
        # Of the second sender: 64 again; 128, which is 960 behind 1088.
        assert tsaggd.refused() == {"replayed": 4}
        assert tsaggd.written() == {"a": 2, "b": 7}


def test_nothing_of_before_a_restart():
    with Signed() as tsaggd:
        recorded = [seal(b"a:1|c", i) for i in range(10)]
        tsaggd.send(*recorded)
        tsaggd.wait_read(10)
        tsaggd.restart()
        tsaggd.send(*recorded, seal(b"b:1|c", 10))
        tsaggd.wait_datagrams(11)
        assert tsaggd.refused() == {"bad_time": 10}
        assert tsaggd.written() == {"a": 10, "b": 1}


def test_sockets_share_what_they_remember():
    senders = 16
    with Signed(sockets=4) as tsaggd:
        recorded = [seal(b"a:1|c", i) for i in range(50)]
        for _ in range(senders):  # each port of a sender may belong to another socket
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect((LOOPBACK, tsaggd.port))
                for datagram in recorded:
                    sock.send(datagram)
        tsaggd.wait_datagrams(50 * senders)
        assert tsaggd.refused() == {"replayed": 50 * (senders - 1)}
        assert tsaggd.written() == {"a": 50}


def test_tsagg_load_and_the_secret_stays_one():
    with Signed() as tsaggd:
        status = f"http://{LOOPBACK}:{tsaggd.http_port}"
        args = ("--to", tsaggd.url, "--count", scaled(100_000), "--rate", "50k", "--verify", status)
        for more, env in ((("--hmac-key", f"1:{SECRET_1}"), {}), ((), {"TSAGG_HMAC_KEY": f"4294967295:{SECRET_2}"})):
            ended = tool("tsagg-load", *args, *more, env=env)
            assert ended.returncode == 0 and b"NOTHING LOST" in ended.stdout, ended
        assert tsaggd.refused() == {}
        ended = tool("tsagg-load", "--to", tsaggd.url, "--count", "1000", "--verify", status, "--hmac-key",
                     "1:another secret, no comma".replace(",", ""))
        assert ended.returncode == 1, ended
        ended = tool("tsagg-load", "--hmac-key", "1:too short")
        assert ended.returncode == 2 and b"too short" not in ended.stderr, ended
        printed = tool("tsaggd", "-c", tsaggd.config_path, "--print-config")
        assert b'hmac_keys: ["1:<hidden>", "4294967295:<hidden>"]' in printed.stdout, printed.stdout
        assert SECRET_1.encode() not in printed.stdout + printed.stderr
        for keys in (["1:short"], ["x:" + SECRET_1], [f"1:{SECRET_1}", f"1:{SECRET_2}"], SECRET_1,
                     ["4294967296:" + SECRET_1], ["1:with a comma, in the secret"], [SECRET_1]):
            tsaggd.config_path.write_text(json.dumps({"listen": [{"url": tsaggd.url, "hmac_keys": keys}]}))
            ended = tool("tsaggd", "--check", "-c", tsaggd.config_path)
            assert ended.returncode == 3 and b"hmac_keys" in ended.stderr, ended
            assert not re.search(b"secret of|short|comma, in", ended.stderr), ended


def test_the_example_of_the_documentation():
    text = (REPO / "docs/AUTH.md").read_text()
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    with Signed() as tsaggd:
        for _ in range(2):
            subprocess.run([sys.executable, "-c", example, str(tsaggd.port)], check=True,
                           env={**os.environ, "TSAGG_KEY_1": SECRET_1})
        tsaggd.wait_read(4)
        assert tsaggd.refused() == {}
        assert tsaggd.written() == {"logins": 2, "latency": 25}


if __name__ == "__main__":
    runner.main()
