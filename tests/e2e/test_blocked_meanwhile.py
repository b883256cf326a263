# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A host is blocked while it is connected: what has not logged in ends, without
another word from it; what has logged in, and whoever else is there, stays."""

import contextlib
import time

from clients import IN, WRONG
from waiting import wait_until

# longer than anything here takes: nothing ends by itself
SETTINGS = {"login_grace": "180 s", "session_limit": "0", "fail_limit": "30"}


def idle(talk):
    assert talk.line().startswith(b"* OK")


def named(talk):
    assert talk.line().startswith(b"+OK")
    assert talk.ask("USER alice").startswith(b"+OK")


def in_exchange(talk):
    idle(talk)
    assert talk.ask("1 AUTHENTICATE LOGIN").startswith(b"+")


def submitting(talk):
    assert talk.line().startswith(b"220")


def silent(_talk):
    """Nor has its TLS begun."""


SESSIONS = ((idle, "imap"), (named, "pop3"), (in_exchange, "imap"),
            (submitting, "submission"), (silent, "imaps"))


def test_live_sessions_end_with_the_block(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    with contextlib.ExitStack() as stack:
        talks = []
        for begin, service in SESSIONS:
            talks.append(stack.enter_context(
                attacker.talk(dovecot, service)))
            begin(talks[-1])
        other = stack.enter_context(innocent.talk(dovecot))
        idle(other)
        logged_in = stack.enter_context(attacker.talk(dovecot))
        idle(logged_in)
        logged_in.say("1 LOGIN alice alice-secret")
        assert logged_in.until(b"1 ").startswith(b"1 OK")
        assert WRONG in attacker.guess(dovecot, 20, "bob")
        dovecot.wait_blocked(attacker)
        for talk in talks:
            assert talk.until(b"\0") == b""
        wait_until(lambda: dovecot.sessions_of(attacker) == 0, "their end")
        assert other.ask("1 NOOP").startswith(b"1 OK")
        assert logged_in.ask("2 NOOP").startswith(b"2 OK")


def test_within_a_second(new_dovecot, attacker):
    """As an admin sees it, who does it by hand."""
    dovecot = new_dovecot(settings=SETTINGS)
    took = []
    for _ in range(3):
        with attacker.talk(dovecot) as talk:
            idle(talk)
            dovecot.doveadm("block", attacker.address)
            began = time.monotonic()
            assert talk.until(b"\0") == b""
            took.append(time.monotonic() - began)
        dovecot.doveadm("unblock", attacker.address)
    # once it must have been so, however busy the machine is
    assert min(took) < 1


def test_observed_block_ends_no_session(new_dovecot, attacker):
    dovecot = new_dovecot(settings={**SETTINGS, "mode": "observe"})
    with attacker.talk(dovecot) as talk:
        idle(talk)
        dovecot.doveadm("block", attacker.address)
        time.sleep(1.5)
        assert talk.ask("1 NOOP").startswith(b"1 OK")
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
