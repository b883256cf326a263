# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Asks libwrap whether a daemon may serve clients, whose names it looks up
itself: each is a connection from an address of this machine. Run as a program:

    libwrap_named.py DAEMON ADDRESS...

Prints "granted" or "denied" for each, a line each."""

import ctypes
import socket
import sys

# tcpd.h
RQ_FILE, RQ_DAEMON = 1, 2
# more than a struct request_info has
REQUEST_SIZE = 65536


def ask(libwrap, daemon, sock):
    request = ctypes.create_string_buffer(REQUEST_SIZE)
    libwrap.request_init(
        request, ctypes.c_int(RQ_DAEMON), daemon.encode(),
        ctypes.c_int(RQ_FILE), ctypes.c_int(sock.fileno()), ctypes.c_int(0))
    libwrap.sock_host(request)
    return "granted" if libwrap.hosts_access(request) else "denied"


def main(daemon, addresses):
    libwrap = ctypes.CDLL("libwrap.so.0")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for address in addresses:
            with socket.create_connection(server.getsockname(), 10,
                                          (address, 0)):
                with server.accept()[0] as accepted:
                    print(ask(libwrap, daemon, accepted))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
