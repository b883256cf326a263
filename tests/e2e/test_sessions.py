# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Unauthenticated sessions at once: how many one host may have, and how the
next one is told. For each way in which Dovecot spends login processes."""

import contextlib
import os
import signal
import time

import pytest

from clients import IN, Host, Talk, hang_up
from dialect import login_count
from waiting import holds_for, wait_until

LIMIT = 3
SETTINGS = {"session_limit": str(LIMIT)}
PROCESS_MODELS = {
    "count-1": login_count(1),
    "unlimited": login_count(None),
    "count-2-limit-2": login_count(2, client_limit=2),
}
every_model = pytest.mark.parametrize("login", PROCESS_MODELS.values(),
                                      ids=PROCESS_MODELS.keys())


@contextlib.contextmanager
def sessions(dovecot, host, count, service="imap"):
    """So many, each past its banner."""
    with contextlib.ExitStack() as stack:
        talks = [stack.enter_context(host.talk(dovecot, service))
                 for _ in range(count)]
        for talk in talks:
            assert talk.line() != b""
        yield talks


@every_model
def test_limit_is_reached_and_given_back(new_dovecot, attacker, innocent,
                                         login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with sessions(dovecot, attacker, LIMIT - 1):
        assert attacker.greeting(dovecot).startswith(b"* OK")
    wait_until(lambda: attacker.greeting(dovecot).startswith(b"* OK"),
               "the places to be given back")
    # Each of those greetings was a session, too.
    wait_until(lambda: dovecot.sessions_of(attacker) == 0,
               "all sessions to have ended")
    with sessions(dovecot, attacker, LIMIT) as talks:
        assert attacker.greeting(dovecot).startswith(b"* BYE ")
        assert attacker.greeting(dovecot, "pop3").startswith(b"-ERR ")
        assert attacker.greeting(dovecot, "submission").startswith(b"421 ")
        with Talk(attacker.connect(dovecot, "imaps")) as talk:
            assert talk.line() == b""
        # Others are not concerned, and it is no crime.
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
        assert dovecot.blocked() == {}
        assert dovecot.sessions_of(attacker) == LIMIT
        # Whoever was let in goes on.
        assert talks[0].ask("1 LOGIN alice alice-secret").startswith(b"1 OK")
        wait_until(lambda: attacker.greeting(dovecot).startswith(b"* OK"),
                   "the place of the one who logged in")
    wait_until(lambda: dovecot.sessions_of(attacker) == 0,
               "all sessions to have ended")


@every_model
def test_who_has_logged_in_is_not_counted(new_dovecot, innocent, login):
    # Over TLS the login process stays, as the session's proxy.
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with contextlib.ExitStack() as stack:
        for _ in range(LIMIT + 2):
            client = innocent.imap(dovecot, tls=True)
            stack.callback(hang_up, client)
            client.login("alice", "alice-secret")
        wait_until(lambda: dovecot.sessions_of(innocent) == 0, "none to be "
                   "counted")
        assert innocent.try_pop3(dovecot, "bob", "bob-secret", tls=True) == IN


@every_model
def test_protocols_share_the_limit(new_dovecot, attacker, login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with sessions(dovecot, attacker, 2, "pop3"), \
            sessions(dovecot, attacker, 1, "submission"):
        assert attacker.greeting(dovecot).startswith(b"* BYE ")


@every_model
def test_tls_port_over_the_limit_gets_no_tls_byte(new_dovecot, attacker,
                                                  login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with sessions(dovecot, attacker, LIMIT, "imaps"):
        for service in ("imaps", "pop3s"):
            with attacker.connect(dovecot, service) as sock:
                with contextlib.suppress(ConnectionError):
                    # the start of a ClientHello: whoever does TLS answers
                    sock.sendall(bytes.fromhex("160301020001"))
                    assert sock.recv(1) == b""


@every_model
def test_no_process_is_kept_by_a_refused_session(new_dovecot, attacker,
                                                 login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with sessions(dovecot, attacker, LIMIT):
        attacker.greeting(dovecot)
        before = len(dovecot.processes("imap-login"))
        for _ in range(40):
            assert attacker.greeting(dovecot).startswith(b"* BYE ")
        assert len(dovecot.processes("imap-login")) <= before + 2


@pytest.mark.parametrize("login", [PROCESS_MODELS["count-1"],
                                   PROCESS_MODELS["unlimited"]],
                         ids=["count-1", "unlimited"])
def test_sessions_of_killed_processes_are_given_back(new_dovecot, attacker,
                                                     login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    with sessions(dovecot, attacker, LIMIT):
        dovecot.kill("imap-login", signal.SIGKILL)
        wait_until(lambda: attacker.greeting(dovecot).startswith(b"* OK"),
                   "the service to reap the sessions", 20)


def test_race_for_the_last_places_lets_in_no_more(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS)
    socks = [attacker.connect(dovecot) for _ in range(30)]
    lines = []
    for sock in socks:
        sock.settimeout(10)
        lines.append(Talk(sock).line())
    let_in = sum(line.startswith(b"* OK") for line in lines)
    for sock in socks:
        sock.close()
    assert 1 <= let_in <= LIMIT
    assert all(line.startswith((b"* OK", b"* BYE")) for line in lines)


def test_no_limit_when_set_to_zero(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"session_limit": "0"})
    with sessions(dovecot, attacker, 15):
        assert attacker.greeting(dovecot).startswith(b"* OK")


@every_model
def test_grace_ends_an_unauthenticated_session(new_dovecot, attacker, login):
    dovecot = new_dovecot(settings={"login_grace": "2 s"}, login=login)
    with attacker.talk(dovecot) as silent, \
            attacker.talk(dovecot, "pop3") as user_only, \
            attacker.imap(dovecot) as logged_in:
        began = time.monotonic()
        logged_in.login("alice", "alice-secret")
        silent.line()
        user_only.line()
        user_only.ask("USER alice")
        wait_until(lambda: not silent.is_open()
                   or silent.until(b"* BYE") == b"", "the grace to end")
        assert time.monotonic() - began >= 1.5
        assert user_only.until(b"\0") == b""
        # A session that has logged in has all the time in the world.
        holds_for(lambda: logged_in.noop()[0] == "OK", "a session", 2, 0.5)


def test_grace_spares_a_password_that_is_being_checked(new_dovecot, attacker):
    # auth is stopped: the answer comes after the grace, and still counts.
    dovecot = new_dovecot(settings={"login_grace": "2 s"})
    with attacker.talk(dovecot) as talk:
        talk.line()
        auth, = dovecot.processes("auth")
        os.kill(auth, signal.SIGSTOP)
        try:
            talk.say("1 LOGIN alice alice-secret")
            holds_for(talk.is_open, "the session", 4)
        finally:
            os.kill(auth, signal.SIGCONT)
        assert talk.until(b"1 ").startswith(b"1 OK")


def test_user_without_pass_is_refused_in_the_end(new_dovecot, attacker,
                                                 innocent):
    """The trawl for names: USER, never PASS, over and over."""
    dovecot = new_dovecot(settings={"fail_limit": "60"})
    names = iter(f"name{n}" for n in range(1000))
    for _ in range(3):
        with attacker.talk(dovecot, "pop3") as talk:
            talk.line()
            assert talk.ask(f"USER {next(names)}").startswith(b"+OK")
    record = dovecot.wait_blocked(attacker)
    assert record["reason"] == "user_abandoned"
    assert attacker.is_refused(dovecot, "pop3")
    assert innocent.try_pop3(dovecot, "alice", "alice-secret") == IN


def test_hanging_users_without_pass_cannot_fill_the_service(
        new_dovecot, attacker):
    dovecot = new_dovecot(settings={"session_limit": "5"})
    held = []
    for n in range(40):
        talk = Talk(attacker.connect(dovecot, "pop3"))
        if talk.line().startswith(b"+OK"):
            talk.ask(f"USER name{n}")
            held.append(talk)
    assert len(held) == 5
    assert len(dovecot.processes("pop3-login")) <= 7
    assert Host("127.0.0.8").try_pop3(dovecot, "bob", "bob-secret") == IN
    for talk in held:
        talk.close()
