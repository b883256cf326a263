# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""How much a host may fail before it is blocked: one less, just so, one
more."""

import pytest

from clients import IN, REFUSED, WRONG, Host
from dialect import HOME, LOG_BROKEN, LOG_LOGIN, PASSDB_BROKEN, PASSDB_WARDEN


@pytest.mark.parametrize("reason, user, points", [
    ("auth_failed", "alice", 10),
    ("user_unknown", "nobody-of-that-name", 20),
])
def test_one_less_is_let_in_and_the_limit_is_refused(
        new_dovecot, attacker, innocent, reason, user, points):
    dovecot = new_dovecot(settings={"fail_limit": str(4 * points)})
    assert attacker.guess(dovecot, 3, user) == [WRONG] * 3
    assert dovecot.blocked() == {}
    assert not attacker.is_refused(dovecot)

    assert attacker.guess(dovecot, 1, user, start=3) == [WRONG]
    record = dovecot.wait_blocked(attacker)
    assert record["reason"] == reason
    assert record["points"] == pytest.approx(4 * points, abs=1)
    assert record["offences"] == 1
    assert 1790 <= record["seconds_left"] <= 1800

    for service in ("imap", "pop3", "submission"):
        assert attacker.is_refused(dovecot, service)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert attacker.try_imap(dovecot, "alice", "alice-secret",
                             tls=True) == REFUSED
    assert attacker.try_pop3(dovecot, "alice", "alice-secret") == REFUSED
    assert dovecot.blocked()[attacker.address]["refused"] >= 6

    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert set(dovecot.blocked()) == {attacker.address}


def test_failures_of_all_protocols_add_up(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "30"})
    assert attacker.try_imap(dovecot, "alice", "wrong") == WRONG
    assert attacker.try_pop3(dovecot, "alice", "wrong too") == WRONG
    assert dovecot.blocked() == {}
    assert attacker.try_submission(dovecot, "alice", "wrong again") == WRONG
    dovecot.wait_blocked(attacker)


def test_attempt_after_the_limit_in_one_session_is_not_checked(
        new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    with attacker.talk(dovecot) as talk:
        talk.line()
        for n in range(2):
            assert talk.ask(f"{n} LOGIN alice guess-{n}").startswith(
                b"%d NO" % n)
        # The right password comes too late: refused or thrown out.
        said = talk.ask("2 LOGIN alice alice-secret")
        assert not said.startswith(b"2 OK"), said
    dovecot.wait_blocked(attacker)
    assert dovecot.log_lines(LOG_LOGIN + "user=<alice>") == []


def test_block_reaches_a_session_that_is_already_there(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "30"})
    with attacker.talk(dovecot) as talk:
        talk.line()
        attacker.guess(dovecot, 3)
        dovecot.wait_blocked(attacker)
        said = talk.ask("1 LOGIN alice alice-secret")
        assert not said.startswith(b"1 OK"), said


def test_success_clears_the_points_of_the_one_user_who_failed(
        new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "40"})
    attacker.guess(dovecot, 3)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    attacker.guess(dovecot, 3, start=10)
    assert dovecot.blocked() == {}
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_success_does_not_clear_the_points_of_other_users(
        new_dovecot, attacker):
    # A guesser with one account of his own must not wash his hands with it.
    dovecot = new_dovecot(settings={"fail_limit": "200"})
    attacker.guess(dovecot, 8, "bob", at_once=8)
    attacker.guess(dovecot, 7, "carol", at_once=7)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.record(attacker)["points"] == pytest.approx(150, abs=2)


def test_known_host_may_fail_four_times_as_much(new_dovecot, innocent):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.guess(dovecot, 7, at_once=7) == [WRONG] * 7
    assert dovecot.blocked() == {}
    assert innocent.guess(dovecot, 1, start=7) == [WRONG]
    dovecot.wait_blocked(innocent)


def test_slow_guesser_is_seen_by_the_day_long_bucket(new_dovecot, attacker):
    # The fast bucket is empty again after each attempt.
    dovecot = new_dovecot(settings={
        "fail_limit": "100000", "points": "auth_failed=100"})
    attacker.guess(dovecot, 2)
    assert dovecot.blocked() == {}
    attacker.guess(dovecot, 1, start=2)
    dovecot.wait_blocked(attacker)


def test_points_can_be_set_per_class(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings={
        "fail_limit": "40", "points": "auth_failed=40 user_unknown=1"})
    assert innocent.guess(dovecot, 3, "nobody-of-that-name") == [WRONG] * 3
    attacker.guess(dovecot, 1)
    dovecot.wait_blocked(attacker)
    assert set(dovecot.blocked()) == {attacker.address}


def test_exempt_host_is_never_blocked(new_dovecot):
    dovecot = new_dovecot(settings={
        "fail_limit": "10", "session_limit": "2",
        "exempt_networks": "127.0.0.1/32 127.0.0.16/28"})
    for host in (Host("127.0.0.1"), Host("127.0.0.20")):
        host.guess(dovecot, 4)
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.blocked() == {}


def test_trusted_networks_are_exempt(new_dovecot):
    dovecot = new_dovecot(settings={"fail_limit": "10"},
                          config="login_trusted_networks = 127.0.0.33\n")
    trusted = Host("127.0.0.33")
    trusted.guess(dovecot, 3)
    assert trusted.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.blocked() == {}


def test_fault_of_ours_costs_nothing(new_dovecot, attacker):
    """A database that is down says nothing about the client."""
    dovecot = new_dovecot(settings={"fail_limit": "10"}, start=False,
                          passdbs=[PASSDB_WARDEN, PASSDB_BROKEN])
    script = dovecot.sandbox.path(f"{HOME}/broken")
    # 111: temporary problem
    script.write_text("#!/bin/sh\nexit 111\n")
    script.chmod(0o755)
    dovecot.start()
    attacker.guess(dovecot, 3)
    dovecot.wait_log(LOG_BROKEN)
    assert dovecot.blocked() == {}
