#!/usr/bin/env python3
"""Sinks over TLS: an own authority, client certificates, a proxy, HTTP/2."""
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.ports import LOOPBACK
from tsagg_test.stub import StubInflux
from tsagg_test.wait import until


class Certificates:
    """An authority, a server certificate for 127.0.0.1 and a client's, made by openssl in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tsagg-tls-")
        self.dir = pathlib.Path(self.folder.name)
        self.make("ca", "-x509", "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
        self.sign("server", "subjectAltName=IP:127.0.0.1")
        self.sign("client", "extendedKeyUsage=clientAuth")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=self.dir)

    def make(self, name, *args):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-keyout",
                     f"{name}.key", "-out", f"{name}.crt", *args)

    def sign(self, name, extension):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key",
                     "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self.dir / "ext").write_text(extension + "\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2,
                     "-extfile", "ext", "-out", f"{name}.crt")

    def path(self, name):
        return str(self.dir / name)

    def server(self, ask_client=False, alpn=None):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        if ask_client:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(self.path("ca.crt"))
        if alpn:
            tls.set_alpn_protocols(alpn)
        return tls


def daemon(url, **options):
    return Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}],
                  sinks={"influx": {"type": "influxdb", "url": url, "org": "o", "bucket": "b", "batch": 100,
                                    "flush_interval": "50ms", "retry_min": "50ms", "retry_max": "100ms", **options}},
                  **load.ONLY_BY_WATERMARK)


SENT = {"lines": 1000, "series": 50, "windows": 4}


def deliver(stub, url=None, **options):
    sent = load.ordered(**SENT)
    with daemon(url or stub.url, **options) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups))
    sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


def refuse(stub, why, **options):
    """Nothing is delivered, the state says why, and all of it stays."""
    sent = load.ordered(**SENT)
    with daemon(stub.url, **options) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        until(lambda: why in tsaggd.sink("influx")["state"], 20, f"{why} in the state")
        assert tsaggd.sink("influx")["delivered"] == 0 and not stub.writes


def test_own_authority():
    with Certificates() as certs, StubInflux(tls=certs.server()) as stub:
        deliver(stub, ca=certs.path("ca.crt"))


def test_unknown_authority_is_refused_unless_told():
    with Certificates() as certs, StubInflux(tls=certs.server()) as stub:
        refuse(stub, "certificate")
        deliver(stub, verify=False)


def test_another_name_is_refused():
    with Certificates() as certs, StubInflux(tls=certs.server()) as stub:
        stub.url = stub.url.replace(LOOPBACK, "localhost")
        refuse(stub, "certificate subject name", ca=certs.path("ca.crt"))


def test_client_certificate():
    with Certificates() as certs, StubInflux(tls=certs.server(ask_client=True)) as stub:
        refuse(stub, "", ca=certs.path("ca.crt"))
        deliver(stub, ca=certs.path("ca.crt"), certificate=certs.path("client.crt"), key=certs.path("client.key"))


def test_missing_file_stops_the_start():
    tsaggd = daemon("https://127.0.0.1:1", ca="/nonexistent.crt")
    try:
        tsaggd.start()
    except AssertionError:
        assert "/nonexistent.crt" in tsaggd.log(), tsaggd.log()
    else:
        raise AssertionError("it has started")


class Proxy:
    """Forwards CONNECT; nothing else."""

    def __init__(self):
        self.connects = []
        self.socket = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        verb, target, _ = head.split(b" ", 2)
        assert verb == b"CONNECT", head
        self.connects.append(target.decode())
        host, port = target.decode().rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)


def pump(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_proxy():
    proxy = Proxy()
    with Certificates() as certs, StubInflux(tls=certs.server()) as stub:
        deliver(stub, ca=certs.path("ca.crt"), proxy=proxy.url)
        assert proxy.connects and set(proxy.connects) == {stub.url.removeprefix("https://")}, proxy.connects


class Http2:
    """As much of HTTP/2 (RFC 9113) as an answer of 204 takes: it reads no header, and counts what comes."""

    DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
    END_STREAM, END_HEADERS, ACK = 1, 4, 1
    STATUS_204 = b"\x89"  # index 9 of HPACK's static table (RFC 7541)

    def __init__(self, tls):
        self.tls = tls
        self.bodies = []
        self.connections = self.at_once = 0
        self.socket = socket.create_server((LOOPBACK, 0))
        self.url = f"https://{LOOPBACK}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            plain, _ = self.socket.accept()
            client = self.tls.wrap_socket(plain, server_side=True)
            assert client.selected_alpn_protocol() == "h2"
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def frame(client, kind, flags, stream, payload=b""):
        client.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def serve(self, client):
        stream_of = client.makefile("rb")
        assert stream_of.read(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        self.frame(client, self.SETTINGS, 0, 0)
        bodies = {}
        while head := stream_of.read(9):
            length, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
            payload = stream_of.read(length)
            if kind == self.SETTINGS and not flags & self.ACK:
                self.frame(client, self.SETTINGS, self.ACK, 0)
            elif kind == self.PING and not flags & self.ACK:
                self.frame(client, self.PING, self.ACK, 0, payload)
            elif kind in (self.HEADERS, self.DATA):
                bodies.setdefault(stream, bytearray())
                self.at_once = max(self.at_once, len(bodies))
                if kind == self.DATA:
                    bodies[stream] += payload
                    if length:
                        self.frame(client, self.WINDOW_UPDATE, 0, 0, length.to_bytes(4, "big"))
                if flags & self.END_STREAM:
                    self.bodies.append(bytes(bodies.pop(stream)))
                    self.frame(client, self.HEADERS, self.END_HEADERS | self.END_STREAM, stream, self.STATUS_204)


def test_http2():
    sent = load.ordered(**SENT)
    with Certificates() as certs:
        server = Http2(certs.server(alpn=["h2"]))
        with daemon(server.url, ca=certs.path("ca.crt"), gzip=False, batch=10) as tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            tsaggd.wait_delivered("influx", len(sent.rollups))
        assert server.connections == 1, "requests share a connection"
        sent.assert_rolled_up(lineproto.read_points(b"".join(server.bodies).decode()))


if __name__ == "__main__":
    runner.main()
