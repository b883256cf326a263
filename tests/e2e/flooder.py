# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Connects as fast as it can, until its input is closed. Run as a program:

    flooder.py SOURCE ADDRESS PORT

Then it prints how many connections were closed without a byte, how many got
a greeting, and how many failed otherwise."""

import errno
import itertools
import select
import socket
import subprocess
import sys
import time


def flood(source, address, port):
    refused = greeted = failed = 0
    for number in itertools.count():
        if number % 64 == 0 and select.select([0], [], [], 0)[0]:
            break
        with socket.socket() as sock:
            try:
                # The kernel has room for some 28,000 ports of one address;
                # a reset leaves none of them waiting.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")
                sock.settimeout(10)
                sock.bind((source, 0))
                sock.connect((address, port))
                if sock.recv(1) == b"":
                    refused += 1
                else:
                    greeted += 1
            except ConnectionResetError:
                refused += 1
            except OSError as error:
                # A port that another flooder has just taken is no failure
                # of the server.
                failed += error.errno not in (errno.EADDRINUSE,
                                              errno.EADDRNOTAVAIL)
                time.sleep(0.01)
    print(refused, greeted, failed)


class Flooder:
    """The program, running until stop()."""

    def __init__(self, host, server, service="imap"):
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-s", __file__, host.address,
             server.address, str(server.ports[service])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        """(refused, greeted, failed)"""
        said, _ = self._process.communicate("", timeout=30)
        return tuple(int(word) for word in said.split())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    flood(sys.argv[1], sys.argv[2], int(sys.argv[3]))
