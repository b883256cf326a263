# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Observe refuses nobody and says whom it would have; off does nothing."""

from clients import IN
from test_sessions import sessions
from waiting import holds_for, wait_until


def test_observe_counts_and_refuses_nobody(new_dovecot, attacker):
    dovecot = new_dovecot(settings={
        "mode": "observe", "fail_limit": "20", "session_limit": "2"})
    attacker.guess(dovecot, 3, at_once=2)
    record = dovecot.wait_blocked(attacker)
    assert record["reason"] == "auth_failed"
    with sessions(dovecot, attacker, 5):
        pass
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert "observe" in dovecot.status()
    wait_until(lambda: "auth_failed=1/1" in
               dovecot.doveadm("status")[0]["observed"].split(),
               "that host, which then logged in")
    assert "would have refused 1 hosts, 1 logged in" in dovecot.status()
    line, = wait_until(lambda: dovecot.log_lines(
        rf"warden.*{attacker.address}"), "a line about what would have been")
    assert "observe" in line or "would" in line
    holds_for(lambda: not dovecot.deny_file(), "nobody in the deny file", 0.6)


def test_one_rule_is_only_observed(new_dovecot, attacker):
    dovecot = new_dovecot(settings={
        "fail_limit": "20",
        "rule_modes": "user_unknown=observe sessions=observe"})
    attacker.guess(dovecot, 3, user="nobody")
    wait_until(lambda: "user_unknown=1/0" in
               dovecot.doveadm("status")[0]["observed"].split(),
               "what would have been")
    assert dovecot.blocked() == {}
    record, = dovecot.doveadm("status")
    assert record["mode"] == "enforce"
    assert record["rule_modes"] == "user_unknown=observe sessions=observe"
    assert "But user_unknown=observe" in dovecot.status()
    with sessions(dovecot, attacker, 12):
        assert dovecot.why(attacker)["connection"] == "would be refused"
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    attacker.guess(dovecot, 8)
    assert dovecot.wait_blocked(attacker)["reason"] == "auth_failed"
    assert attacker.is_refused(dovecot)
    wait_until(lambda: dovecot.deny_file(), "the deny file")


def test_off_does_nothing(new_dovecot, attacker):
    dovecot = new_dovecot(settings={
        "mode": "off", "fail_limit": "20", "session_limit": "2"})
    attacker.guess(dovecot, 4, at_once=2)
    with sessions(dovecot, attacker, 5):
        pass
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.blocked() == {}
    record = dovecot.record(attacker)
    assert record is None or record["points"] == 0
    assert "off" in dovecot.status()
