"""Free ports on the loopback."""
import socket

LOOPBACK = "127.0.0.1"


def free_ports(n, kind=socket.SOCK_STREAM):
    """n distinct ports that nobody is bound to at the moment."""
    socks = [socket.socket(socket.AF_INET, kind) for _ in range(n)]
    try:
        for sock in socks:
            sock.bind((LOOPBACK, 0))
        return [sock.getsockname()[1] for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def free_port(kind=socket.SOCK_STREAM):
    return free_ports(1, kind)[0]
