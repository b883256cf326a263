# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A device that nobody told of the new password is no guesser."""

import pytest

from clients import IN, WRONG
from waiting import wait_until


def points(dovecot, host):
    return dovecot.why(host)["points"]


def total(dovecot, name):
    record, = dovecot.doveadm("status")
    return record[name]


def wait_excused(dovecot, count):
    wait_until(lambda: total(dovecot, "excused_hour") == count,
               f"{count} excused failures")


def test_same_wrong_password_counts_once(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_window": "1 week"})
    for _ in range(15):
        assert attacker.try_imap(dovecot, "alice", "stale") == WRONG
    wait_excused(dovecot, 14)
    assert points(dovecot, attacker) == pytest.approx(10, abs=0.9)
    assert attacker.try_imap(dovecot, "nobody", "stale") == WRONG
    assert attacker.try_pop3(dovecot, "nobody", "stale") == WRONG
    wait_excused(dovecot, 15)
    assert points(dovecot, attacker) == pytest.approx(30, abs=0.9)
    # and who goes on to guess is a guesser
    assert WRONG in attacker.guess(dovecot, 12)
    dovecot.wait_blocked(attacker)


def test_password_that_used_to_work_is_free(new_dovecot, attacker, innocent):
    """Alice changes her password on one device, and Dovecot is restarted;
    the other device goes on with the old one."""
    dovecot = new_dovecot()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: dovecot.why(innocent)["known"] == "yes", "the login")
    dovecot.users["alice"] = "changed"
    dovecot.write_users()
    dovecot.restart()
    for _ in range(15):
        assert attacker.try_imap(dovecot, "alice", "alice-secret") == WRONG
    wait_excused(dovecot, 15)
    assert points(dovecot, attacker) == 0
    assert attacker.try_imap(dovecot, "alice", "changed") == IN


def test_office_with_a_guesser_works_on(new_dovecot, attacker):
    """Its host is limited: what worked before is let in and checked, what did
    not is refused before it is checked, and no TLS or banner is refused."""
    users = {f"user{n}": f"secret{n}" for n in range(6)}
    dovecot = new_dovecot(users={"alice": "alice-secret", **users},
                          settings={"fail_limit": "30",
                                    "session_limit": "0"})
    for user, password in users.items():
        assert attacker.try_imap(dovecot, user, password) == IN
    wait_until(lambda: dovecot.why(attacker)["users"] >= 4, "the users")
    assert WRONG in attacker.guess(dovecot, 60, "user3")
    wait_until(lambda: dovecot.why(attacker)["rule"] == "limited", "a block")
    for user, password in users.items():
        assert attacker.try_imap(dovecot, user, password) == IN
    refused = total(dovecot, "refused_auth_hour")
    # the right one for the first time: it cannot be told from a guess
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == WRONG
    wait_until(lambda: total(dovecot, "refused_auth_hour") == refused + 1,
               "a refusal in auth")
    assert dovecot.deny_file() in (None, [])
