# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A block ends by itself, once, and the next one is longer."""

import re

from clients import IN, REFUSED
from waiting import wait_until

SHORT = {"fail_limit": "20", "block_time": "2 s"}


def test_block_ends_and_login_works_again(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SHORT)
    attacker.guess(dovecot, 2)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    wait_until(lambda: not attacker.is_refused(dovecot),
               "the host to be let in again")
    assert dovecot.blocked() == {}
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_old_failures_do_not_bring_the_block_back(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SHORT)
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    wait_until(lambda: not attacker.is_refused(dovecot), "the end")
    attacker.guess(dovecot, 1, start=10)
    assert dovecot.blocked() == {}


def test_second_block_is_twice_as_long_up_to_the_cap(new_dovecot, attacker):
    dovecot = new_dovecot(settings={
        "fail_limit": "10", "block_time": "60 s",
        "block_time_max": "200 s"})
    for offences, secs in ((1, 60), (2, 120), (3, 200), (4, 200)):
        attacker.guess(dovecot, 1, start=offences)
        record = dovecot.wait_blocked(attacker)
        assert record["offences"] == offences
        assert secs - 10 <= record["seconds_left"] <= secs
        # An admin's pardon forgives the block; end it as time would.
        dovecot.doveadm_raw("warden", "block", attacker.address, "1 s")
        wait_until(lambda: not attacker.is_refused(dovecot), "the end")


def test_one_line_at_block_and_one_at_expiry(new_dovecot, attacker):
    dovecot = new_dovecot(settings={**SHORT, "block_time": "6 s"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    for _ in range(200):
        assert attacker.is_refused(dovecot)

    line = rf"warden: \w+: .*{attacker.address}"
    began, = dovecot.wait_log(line)
    assert "auth_failed" in began
    refused = dovecot.blocked()[attacker.address]["refused"]
    assert refused >= 200
    wait_until(lambda: not attacker.is_refused(dovecot), "the end")
    told = re.search(r"refused ([\d,]+) connections",
                     dovecot.wait_log(line, 2)[1])
    assert int(told[1].replace(",", "")) >= refused
