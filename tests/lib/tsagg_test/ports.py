"""Free ports on the loopback."""
import itertools
import os
import socket

LOOPBACK = "127.0.0.1"
# Below those that the kernel chooses for others, and from another place on for each script that runs beside this one: nobody
# takes a port between the look at it and its use, or while a daemon is started again.
FIRST, COUNT, APART = 12_000, 20_000, 211
candidates = (FIRST + (os.getpid() * APART + i) % COUNT for i in itertools.count())


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody is bound to, and no other that this script has asked for."""
    for port in candidates:
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind((LOOPBACK, port))
                return port
            except OSError:
                pass
