# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""The words for a session over the limit arrive, also at a client that has
spoken first."""

import signal

from test_sessions import every_model, sessions

LIMIT = 2


@every_model
def test_farewell_is_not_swallowed_by_a_reset(new_dovecot, attacker, login):
    dovecot = new_dovecot(login=login,
                          settings={"session_limit": str(LIMIT)})
    with sessions(dovecot, attacker, LIMIT):
        attacker.greeting(dovecot)
        # What we say is there before anybody accepts us.
        dovecot.kill("imap-login", signal.SIGSTOP)
        sock = attacker.connect(dovecot)
        sock.sendall(b"1 CAPABILITY\r\n" * 20)
        dovecot.kill("imap-login", signal.SIGCONT)
        said = b""
        with sock:
            while more := sock.recv(4096):    # a reset would raise
                said += more
        assert said.startswith(b"* BYE ") and said.endswith(b"\r\n")
