#!/usr/bin/env python3
"""TLS on tcp listeners and on the HTTP server: who gets in, who is turned away and why, and what is read."""
import contextlib
import json
import pathlib
import random
import socket
import ssl
import sys
import time
import urllib.request
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.certs import Authority
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.process import Process
from tsagg_test.streams import Streams
from tsagg_test.wait import scaled, until

REFUSALS = (ConnectionError, ssl.SSLError)


class Secure(Streams):
    def __init__(self, client_ca=False, **options):
        super().__init__("tcp", **options)
        self.authority = Authority(self.dir)
        certificate, key = self.authority.issue("server")
        self.config["listen"][0].update(certificate=str(certificate), key=str(key))
        if client_ca:
            self.config["listen"][0]["client_ca"] = str(self.authority.certificate)

    def context(self, certificate=None, key=None, authority=None):
        context = ssl.create_default_context(cafile=(authority or self.authority).certificate)
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    def plain(self):
        return socket.create_connection((LOOPBACK, self.port), timeout=30)

    def connect(self, context=None):
        return (context or self.context()).wrap_socket(self.plain(), server_hostname=LOOPBACK)

    def say(self, *pieces, context=None):
        """Send these bytes and say goodbye as TLS wants it."""
        with self.connect(context) as sock:
            for piece in pieces:
                sock.sendall(piece)
            sock.unwrap()

    def refuse(self, context):
        """A greeting that the daemon does not take: in TLS 1.3 the client learns of it when it reads."""
        with contextlib.suppress(*REFUSALS), self.connect(context) as sock:
            sock.sendall(b"stolen:1|c\n")
            assert sock.recv(1) == b""

    def wait_closed(self, **reasons):
        until(lambda: {k: v for k, v in self.reasons("connections_closed").items() if k != "peer"} == reasons, 30,
              f"{reasons}")


def old_client():
    """One that speaks TLS 1.1 alone, and takes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def only(version):
    def context(tsaggd):
        made = tsaggd.context()
        made.minimum_version = made.maximum_version = version
        return made
    return context


def test_lines_in_records():
    rnd = random.Random(1)
    lines = scaled(20_000)
    text = b"".join(b"a:1|c|#pad:%s\n" % (b"x" * rnd.randrange(200)) for _ in range(lines))
    with Secure() as tsaggd:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with tsaggd.connect(only(version)(tsaggd)) as sock:
                at = 0
                while at < len(text):
                    n = rnd.choice((1, 7, 1400, 16384, 60_000))
                    sock.sendall(text[at:at + n])
                    at += n
                sock.sendall(b"last:4|c")
                sock.unwrap()
        tsaggd.wait_read(2 * lines + 2)
        assert tsaggd.written() == {"a": 2 * lines, "last": 8}


def test_a_long_line_and_the_rest_of_its_record():
    # What is carried leaves less room than a record has.
    with Secure() as tsaggd:
        tsaggd.say(b"n" * 65_530 + b"\n" + b"b:1|c\n" * 2000, b"good:1|c\n")
        tsaggd.say(b"x" * 65_000, b"y" * 16_000 + b"\ngood:1|c\n")
        tsaggd.wait_read(2004)
        assert tsaggd.reasons("lines_rejected")["too_long"] == 1, tsaggd.reasons("lines_rejected")
        assert tsaggd.written() == {"b": 2000, "good": 2}


def test_cut_off_without_goodbye():
    # Somebody in between may have ended it: what is whole counts, what is not does not.
    with Secure() as tsaggd:
        sock = tsaggd.connect()
        sock.sendall(b"good:1|c\nunfinished:1|c")
        tsaggd.wait_read(1)
        socket.socket(fileno=sock.detach()).close()
        tsaggd.wait_closed(error=1)
        assert tsaggd.reasons("lines_rejected") == {"cut_off": 1}
        assert tsaggd.written() == {"good": 1}


def test_who_is_turned_away():
    with Secure(handshake_timeout="300ms") as tsaggd:
        with tsaggd.plain() as sock:
            sock.sendall(b"plain:1|c\n" * 10)
            with contextlib.suppress(ConnectionError):
                while sock.recv(100):
                    pass
        tsaggd.wait_closed(tls_protocol=1)
        tsaggd.refuse(old_client())
        tsaggd.wait_closed(tls_protocol=1, tls_version=1)
        other = Authority(tsaggd.dir, "other")
        tsaggd.refuse(tsaggd.context(authority=other))
        tsaggd.wait_closed(tls_protocol=1, tls_version=1, tls_peer=1)
        with tsaggd.plain() as sock:
            assert sock.recv(1) == b"", "no greeting within the time"
        tsaggd.wait_closed(tls_protocol=1, tls_version=1, tls_peer=1, tls_timeout=1)
        log = tsaggd.log()
        for reason in ("tls_protocol", "tls_version", "tls_peer", "tls_timeout"):
            assert f"event=handshake_failed url={tsaggd.url} reason={reason} peer={LOOPBACK} error=" in log, log
        tsaggd.say(b"good:1|c\n")
        assert tsaggd.written() == {"good": 1}


def test_client_certificates():
    with Secure(client_ca=True) as tsaggd:
        other = Authority(tsaggd.dir, "other")
        good = tsaggd.authority.issue("client", usage="clientAuth")
        wrong_use = tsaggd.authority.issue("useless", usage="serverAuth")
        stranger = other.issue("stranger", usage="clientAuth")
        expired = tsaggd.authority.issue("expired", usage="clientAuth", days="-1")
        tsaggd.say(b"good:1|c\n", context=tsaggd.context(*good))
        refused = [tsaggd.context(), *(tsaggd.context(*pair) for pair in (wrong_use, stranger, expired))]
        for n, context in enumerate(refused, 1):
            tsaggd.refuse(context)
            tsaggd.wait_closed(tls_certificate=n)
        tsaggd.say(b"good:1|c\n", context=tsaggd.context(*good))
        tsaggd.wait_read(2)
        assert tsaggd.written() == {"good": 2}


def test_handshakes_that_never_end_hold_nobody_up():
    idle = scaled(300, 30)
    with Secure(connections=2000, handshake_timeout="1s") as tsaggd, contextlib.ExitStack() as stack:
        hello = client_hello()
        for i in range(idle):
            sock = stack.enter_context(tsaggd.plain())
            sock.sendall(hello[:i % len(hello)])
        begin = time.monotonic()
        while time.monotonic() - begin < 2:
            tsaggd.say(b"good:1|c\n")
        tsaggd.wait_closed(tls_timeout=idle)
        log = tsaggd.log()
        assert log.count("event=handshake_failed") <= 30, "the log is bounded"
        lis = tsaggd.listener()
        assert lis["lines_accepted"] == lis["lines_received"] >= 10, lis
        assert tsaggd.written() == {"good": lis["lines_received"]}


def client_hello():
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_damaged_handshakes():
    rnd = random.Random(2)
    hello = bytearray(client_hello())
    with Secure(handshake_timeout="500ms") as tsaggd:
        for _ in range(scaled(200)):
            bad = bytearray(hello)
            for _ in range(rnd.randrange(1, 4)):
                bad[rnd.randrange(len(bad))] = rnd.randrange(256)
            with contextlib.suppress(ConnectionError), tsaggd.plain() as sock:
                sock.sendall(bad + rnd.randbytes(rnd.randrange(100)))
        tsaggd.wait_open(0)
        tsaggd.say(b"good:1|c\n")
        assert tsaggd.written() == {"good": 1}


def test_stop_with_connections_in_every_state():
    with Secure() as tsaggd, tsaggd.plain(), tsaggd.connect() as sock:
        sock.sendall(b"good:1|c\n" * 1000 + b"unfinished:1|c")
        tsaggd.stop()
        assert tsaggd.written() == {"good": 1000}


def test_files_that_will_not_do():
    directory = Process("certs").dir
    authority = Authority(directory)
    certificate, key = authority.issue("server")
    _, other_key = authority.issue("other")
    empty = directory / "empty"
    empty.write_text("")

    def start(**options):
        options = {name: str(value) for name, value in options.items()}
        return tool("tsaggd", "--set", f"state_dir={directory}/state", "--set", "http.address=", "--set",
                    "listen=" + json.dumps([{"url": f"tcp://{LOOPBACK}:0", **options}]))

    for options, code, want in (
            ({"certificate": certificate}, 3, b"certificate without key"),
            ({"key": key}, 3, b"key without certificate"),
            ({"client_ca": key}, 3, b"client_ca without certificate"),
            ({"certificate": directory / "none", "key": key}, 1, b"none with key"),
            ({"certificate": certificate, "key": other_key}, 1, b"other.key"),
            ({"certificate": certificate, "key": key, "client_ca": empty}, 1, b"client_ca")):
        ended = start(**options)
        assert ended.returncode == code and want in ended.stderr, (options, ended)
    for options, code, want in (((certificate, other_key), 1, b"other.key"), ((directory / "none", key), 1, b"none")):
        ended = tool("tsaggd", "--set", f"state_dir={directory}/state", "--set", f"listen.0.url=udp://{LOOPBACK}:0",
                     "--set", f"http.address={LOOPBACK}:0", "--set", f"http.certificate={options[0]}",
                     "--set", f"http.key={options[1]}")
        assert ended.returncode == code and want in ended.stderr, (options, ended)


class Https(Tsaggd):
    """Its own status over HTTPS; a token on every address."""

    def __init__(self):
        super().__init__()
        self.authority = Authority(self.dir)
        certificate, key = self.authority.issue("server")
        self.config["http"].update(address=f":{self.http_port}", token="a token", certificate=str(certificate), key=str(key))
        self.url = f"https://{LOOPBACK}:{self.http_port}"

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": "Token a token"})
        context = ssl.create_default_context(cafile=self.authority.certificate)
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.read().decode()


def test_https():
    with Https() as tsaggd:
        assert tsaggd.status()["balanced"]
        trust = ("--ca", tsaggd.authority.certificate)
        for args, code in (((*trust, "--token", "a token"), 0), (trust, 5), (("--token", "a token"), 4)):
            ended = tool("tsagg-ctl", "status", "--host", tsaggd.url, *args)
            assert ended.returncode == code, (args, ended)
        assert b"--ca FILE" in ended.stderr, ended
        ended = tool("tsagg-load", "--to", f"udp://{LOOPBACK}:{tsaggd.udp_port}", "--count", "1000", "--rate", "10k",
                     "--verify", tsaggd.url, "--token", "a token", *trust)
        assert ended.returncode == 0 and b"NOTHING LOST" in ended.stdout, ended
        with contextlib.suppress(ConnectionError), socket.create_connection((LOOPBACK, tsaggd.http_port)) as sock:
            sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not sock.recv(100).startswith(b"HTTP"), "no answer without TLS"
        try:
            old_client().wrap_socket(socket.create_connection((LOOPBACK, tsaggd.http_port)))
            raise AssertionError("TLS 1.1 is taken")
        except REFUSALS:
            pass


if __name__ == "__main__":
    runner.main()
