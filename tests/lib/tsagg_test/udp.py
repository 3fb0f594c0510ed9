"""A sender of UDP datagrams that loses nothing on the loopback."""
import socket
import time

from .ports import LOOPBACK
from .wait import until

PACKET_BYTES = 1400
PACKETS_UNSEEN = 32  # far below what the smallest usual receive buffer holds


def packets(lines):
    """(datagram, number of lines in it), as many lines as fit into each; lines are bytes without a line end."""
    batch, size = [], 0
    for line in lines:
        if batch and size + len(line) > PACKET_BYTES:
            yield b"\n".join(batch), len(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield b"\n".join(batch), len(batch)


def send(port, lines, lines_per_s=None, read=None):
    """Send lines; returns how many.

    With read, a callable for the daemon's count of lines, it is never more
    than PACKETS_UNSEEN ahead of it and returns when all have arrived; with
    lines_per_s it is no faster than that.
    """
    sent = 0
    begin_s = time.monotonic()
    before = read() if read else 0

    def wait():
        until(lambda: read() - before >= sent, 30, f"{sent} lines read")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((LOOPBACK, port))
        for n, (datagram, count) in enumerate(packets(lines), 1):
            sock.send(datagram)
            sent += count
            if lines_per_s:
                time.sleep(max(0, begin_s + sent / lines_per_s - time.monotonic()))
            if read and n % PACKETS_UNSEEN == 0:
                wait()
    if read:
        wait()
    return sent


def send_datagrams(port, datagrams):
    """Send these bytes as they are, one datagram each."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((LOOPBACK, port))
        for datagram in datagrams:
            sock.send(datagram)
