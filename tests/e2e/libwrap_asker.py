# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Asks libwrap the same thing again and again, as sshd does for each client.
Run as a program:

    libwrap_asker.py CHECKS INNOCENT LISTED

Every tenth question is about LISTED. Then it prints how often each of them was
asked for, and how often refused."""

import ctypes
import sys


def main(checks, innocent, listed):
    libwrap = ctypes.CDLL("libwrap.so.0")
    counts = {innocent: [0, 0], listed: [0, 0]}
    for number in range(checks):
        address = listed if number % 10 == 9 else innocent
        allowed = libwrap.hosts_ctl(b"sshd", b"unknown", address.encode(),
                                    b"unknown")
        counts[address][0] += 1
        counts[address][1] += not allowed
    print(*counts[innocent], *counts[listed])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
