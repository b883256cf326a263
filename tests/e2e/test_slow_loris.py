# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Hosts that connect and say nothing, until the server is full: who was here
before still gets in."""

import contextlib

from clients import Host, IN
from waiting import wait_until

LIMIT = 16
SETTINGS = {"session_limit_total": str(LIMIT), "login_grace": "60 s"}


def has_banner(stack, dovecot, host):
    """Whether it is let in; and stays."""
    talk = stack.enter_context(host.talk(dovecot))
    return talk.line().startswith(b"* OK")


def make_known(dovecot, host):
    assert host.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: dovecot.why(host)["known"] == "yes", "the login")
    wait_until(lambda: dovecot.sessions_of(host) == 0, "its session to end")


def test_one_host(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings={**SETTINGS, "session_limit": "0",
                                    "login_grace": "180 s"})
    with contextlib.ExitStack() as stack:
        let_in = sum(has_banner(stack, dovecot, attacker)
                     for _ in range(LIMIT))
        assert let_in == LIMIT // 4
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_hosts_of_one_network(new_dovecot, innocent):
    """Without a limit for all: as whoever has a whole network would."""
    dovecot = new_dovecot(settings={"session_limit_network": "5"})
    hosts = [Host(f"127.1.1.{n + 1}") for n in range(8)]
    with contextlib.ExitStack() as stack:
        assert [has_banner(stack, dovecot, host) for host in hosts] \
            == 5 * [True] + 3 * [False]
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
        assert has_banner(stack, dovecot, Host("127.1.2.1"))
    wait_until(lambda: hosts[0].greeting(dovecot).startswith(b"* OK"),
               "the places to be given back")
    assert dovecot.doveadm("status")[0]["session_limit_network"] == 5


def test_many_hosts(new_dovecot, innocent):
    """Of networks that nobody has logged in from, 127.1.x.y."""
    # longer than it can take, however busy the machine is
    dovecot = new_dovecot(settings={**SETTINGS, "login_grace": "180 s"})
    make_known(dovecot, innocent)
    hosts = [Host(f"127.1.{n // 100}.{n % 100 + 1}") for n in range(200)]
    with contextlib.ExitStack() as stack:
        let_in = [host for host in hosts if has_banner(stack, dovecot, host)]
        # counted by each process and by the service: to within one
        assert LIMIT * 3 // 4 - 1 <= len(let_in) <= LIMIT * 3 // 4
        for _ in range(5):
            assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
        record, = dovecot.doveadm("status")
        assert record["session_limit_total"] == LIMIT
        assert record["refused_sessions_hour"] >= 180


def test_grace_is_shorter_when_many_are_open(new_dovecot, innocent):
    """A minute would be longer than anybody here waits for."""
    dovecot = new_dovecot(settings=SETTINGS)
    make_known(dovecot, innocent)
    with contextlib.ExitStack() as stack:
        for n in range(LIMIT):
            has_banner(stack, dovecot, Host(f"127.1.1.{n + 1}"))
        for _ in range(LIMIT // 4):
            has_banner(stack, dovecot, innocent)
        # Fifteen sixteenths are open: an eighth of a minute, until it is less.
        # So not all of them end, and on a slow machine not the first.
        wait_until(lambda: dovecot.log_lines(
            r"Login grace time is over.*rip=127\.1\.1\."),
            "one of them to end", deadline_secs=45)
