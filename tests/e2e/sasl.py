# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A mail server that asks Dovecot about passwords, as Postfix and Exim do:
the client's side of Dovecot's authentication protocol 1.2."""

import base64
import os
import socket

from dovecot import AUTH_SOCKET


class SaslClient:
    """ask() is what Postfix does for one client at `rip`."""

    def __init__(self, dovecot):
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(20)
        self._sock.connect(str(dovecot.sandbox.path(AUTH_SOCKET)))
        self._file = self._sock.makefile("rw", newline="\n")
        self._requests = 0
        self._send("VERSION", "1", "2")
        self._send("CPID", str(os.getpid()))
        while self._receive()[0] != "DONE":
            pass

    def _send(self, *words):
        self._file.write("\t".join(words) + "\n")
        self._file.flush()

    def _receive(self):
        line = self._file.readline()
        if line == "":
            raise ConnectionError("auth has closed the connection")
        return line.rstrip("\n").split("\t")

    def _ask(self, rip, user, password):
        self._requests += 1
        secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self._send("AUTH", str(self._requests), "PLAIN", "service=smtp",
                   f"rip={rip}", "lip=127.0.0.1", f"resp={secret}")

    def ask_for_all(self, rips, user, password):
        """For many clients, 500 at the same time: auth takes half a second
        to say no. Returns how many may log in."""
        allowed = 0
        rips = list(rips)
        for start in range(0, len(rips), 500):
            some = rips[start:start + 500]
            for rip in some:
                self._ask(rip, user, password)
            answers = [self._receive()[0] for _ in some]
            assert set(answers) <= {"OK", "FAIL"}
            allowed += answers.count("OK")
        return allowed

    def ask(self, rip, user, password):
        """(True if he may log in, the fields of the answer)"""
        self._ask(rip, user, password)
        while True:
            verdict, number, *fields = self._receive()
            if number == str(self._requests) and verdict in ("OK", "FAIL"):
                return verdict == "OK", fields

    def close(self):
        self._file.close()
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
