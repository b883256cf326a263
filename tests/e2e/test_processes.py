# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Restarts, kills and absences: blocks and known hosts survive, and mail goes
on whatever part of the warden is gone."""

import os
import shutil
import signal

import pytest

from clients import IN, REFUSED, WRONG
from dialect import NO_SERVICE
from dovecot import STATE_DIR, WARDEN_DIR
from test_sessions import every_model
from waiting import holds_for, wait_until


def block_and_know(dovecot, attacker, innocent):
    """One host is blocked by its failures, one is known by its login."""
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    return dovecot.blocked()[attacker.address]["blocked_until"]


def known(dovecot):
    return {record["host"] for record in dovecot.doveadm("list", "--known")}


def assert_as_before(dovecot, attacker, innocent, until):
    record = dovecot.wait_blocked(attacker)
    # The seconds may be rounded once more on the way through the file.
    assert record["blocked_until"][:16] == until[:16]
    assert record["reason"] == "auth_failed"
    assert record["offences"] == 1
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert innocent.address in known(dovecot)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


SETTINGS = {"fail_limit": "20"}


def test_restart_of_dovecot_keeps_blocks_and_known_hosts(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    until = block_and_know(dovecot, attacker, innocent)
    dovecot.restart()
    assert_as_before(dovecot, attacker, innocent, until)
    assert dovecot.deny_file() == [attacker.address]


def test_reboot_keeps_blocks_and_known_hosts(new_dovecot, attacker, innocent):
    """After a boot there is nothing in /run."""
    dovecot = new_dovecot(settings=SETTINGS)
    until = block_and_know(dovecot, attacker, innocent)
    dovecot.doveadm("block", "192.0.2.0/24", "forever")
    dovecot.stop()
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    dovecot.start()
    assert_as_before(dovecot, attacker, innocent, until)
    assert dovecot.blocked()["192.0.2.0/24"]["blocked_until"] == "forever"


def test_state_is_private_and_names_nobody(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    block_and_know(dovecot, attacker, innocent)
    dovecot.stop()
    directory = dovecot.sandbox.path(STATE_DIR)
    files = [path for path in directory.iterdir()
             if path.name != "hosts.deny"]
    assert files != []
    for path in files:
        assert path.stat().st_mode & 0o077 == 0
        assert "alice" not in path.read_text(errors="replace")


def test_truncated_state_file_does_not_stop_the_service(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    block_and_know(dovecot, attacker, innocent)
    dovecot.stop()
    path = dovecot.sandbox.path(f"{STATE_DIR}/state")
    os.truncate(path, path.stat().st_size - 3)
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert len(dovecot.wait_log(r"(?i)(error|warning).*state")) == 1
    block_and_know(dovecot, attacker, innocent)


def test_killed_service_comes_back_with_all_it_knew(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    until = block_and_know(dovecot, attacker, innocent)
    for _ in range(2):
        old = dovecot.kill("warden")
        assert len(old) == 1
        # Nobody is let in, and nobody is kept out, in between.
        assert attacker.is_refused(dovecot)
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
        wait_until(lambda: dovecot.processes("warden") not in ([], old),
                   "a new service", 20)
    assert_as_before(dovecot, attacker, innocent, until)


def test_there_is_one_service_after_a_reload(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    until = block_and_know(dovecot, attacker, innocent)
    old = dovecot.processes("warden")
    dovecot.settings["session_limit"] = "1"
    dovecot.configure()
    os.kill(dovecot.master_pid(), signal.SIGHUP)
    wait_until(lambda: len(dovecot.processes("warden")) == 1
               and dovecot.processes("warden") != old, "the new service", 20)
    assert_as_before(dovecot, attacker, innocent, until)
    # The new rules are in force.
    with innocent.talk(dovecot) as talk:
        talk.line()
        wait_until(lambda: innocent.greeting(dovecot).startswith(b"* BYE"),
                   "the new session limit")


@every_model
def test_killed_login_and_auth_lose_nothing(new_dovecot, attacker, innocent,
                                            login):
    dovecot = new_dovecot(settings=SETTINGS, login=login)
    until = block_and_know(dovecot, attacker, innocent)
    for name in ("imap-login", "pop3-login", "auth"):
        dovecot.kill(name)
    wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
               == IN, "Dovecot to start them again")
    assert_as_before(dovecot, attacker, innocent, until)


def test_failures_before_a_killed_auth_still_count(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "40"})
    attacker.guess(dovecot, 3)
    dovecot.kill("auth")
    wait_until(lambda: attacker.guess(dovecot, 1, start=5) == [WRONG],
               "auth to be there again")
    dovecot.wait_blocked(attacker)


def test_without_the_service_everybody_is_let_in(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS, service=NO_SERVICE)
    attacker.guess(dovecot, 4)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert attacker.try_pop3(dovecot, "bob", "bob-secret") == IN
    assert "service" in dovecot.problems()


def test_service_that_always_fails_does_not_stop_mail(new_dovecot, attacker):
    dovecot = new_dovecot(
        settings=SETTINGS, start=False,
        service="service warden {\n  executable = /bin/false\n"
                "  process_min_avail = 1\n  process_limit = 1\n}\n")
    dovecot.start(wait_for_warden=False)
    attacker.guess(dovecot, 3)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_stopped_service_keeps_its_rules_and_stops_no_mail(
        new_dovecot, attacker, innocent):
    """It hangs, but is there: what it published stays in force for a while."""
    dovecot = new_dovecot(settings=SETTINGS)
    block_and_know(dovecot, attacker, innocent)
    pid, = dovecot.processes("warden")
    os.kill(pid, signal.SIGSTOP)
    try:
        holds_for(lambda: attacker.is_refused(dovecot), "the block", 1)
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    finally:
        os.kill(pid, signal.SIGCONT)


def test_without_login_plugin_auth_still_refuses(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS, config="login_plugins =\n")
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.greeting(dovecot).startswith(b"* OK")
    assert attacker.try_imap(dovecot, "alice", "alice-secret") in (
        WRONG, REFUSED)
    assert "login_plugins" in dovecot.problems()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_dovecot_stops_as_ever_with_sessions_open(new_dovecot, attacker,
                                                  number):
    dovecot = new_dovecot(settings=SETTINGS)
    with attacker.talk(dovecot) as talk:
        talk.line()
        os.kill(dovecot.master_pid(), number)
        dovecot.master.wait(10)
        wait_until(lambda: not dovecot.processes("warden"),
                   "the service to end", 20)
    wait_until(lambda: not dovecot.all_processes(),
               "every process to end", 20)
    assert dovecot.log_lines("(?i)panic|fatal|error") == []
