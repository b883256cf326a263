# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Each attempt is counted once, however Dovecot gets to its answer: in a
worker process, from its cache, after a reload, without its stats process."""

import os
import signal
import subprocess

import pytest

from clients import IN, WRONG
from dialect import PASSDB_WARDEN, PASSDB_WORKER
from waiting import wait_until


def assert_points(dovecot, host, points):
    """So many and no more, after all that auth and login had to say."""
    wait_until(lambda: dovecot.why(host)["sessions"] == 0
               and dovecot.why(host)["points"] > points - 0.9,
               f"{points} points of {host}")
    assert dovecot.why(host)["points"] == pytest.approx(points, abs=0.9)


def test_attempts_that_a_worker_checks(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(start=False, passdbs=[PASSDB_WARDEN, PASSDB_WORKER])
    secret = subprocess.run(
        ["openssl", "passwd", "-6", "alice-secret"], capture_output=True,
        text=True, check=True).stdout.strip()
    with dovecot.sandbox.path("/etc/shadow").open("a") as shadow:
        shadow.write(f"alice:{secret}:19000:0:99999:7:::\n")
    with dovecot.sandbox.path("/etc/passwd").open("a") as passwd:
        passwd.write("alice:x:1234:1234::/nonexistent:/bin/false\n")
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert "dovecot/auth -w" in dovecot.all_processes().values()
    assert attacker.guess(dovecot, 3) == [WRONG] * 3
    assert_points(dovecot, attacker, 30)
    assert attacker.guess(dovecot, 1, "nobody-of-that-name") == [WRONG]
    assert_points(dovecot, attacker, 50)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.why(attacker)["known"] == "yes"


def test_attempts_that_the_cache_answers(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(config="auth_cache_size = 10 M\n")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert attacker.guess(dovecot, 3) == [WRONG] * 3
    assert_points(dovecot, attacker, 30)
    assert attacker.guess(dovecot, 2, "nobody-of-that-name") == [WRONG] * 2
    assert_points(dovecot, attacker, 70)
    # A refusal must not come out of the cache for somebody else, nor a
    # permission for who is blocked.
    dovecot.doveadm("block", attacker.address)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    dovecot.doveadm("unblock", attacker.address)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_every_mechanism_counts_once(new_dovecot, attacker):
    dovecot = new_dovecot()
    points = 0
    for ask in ("1 LOGIN alice wrong-1",
                "1 AUTHENTICATE PLAIN AGFsaWNlAHdyb25nLTI=",
                ("1 AUTHENTICATE LOGIN", "YWxpY2U=", "d3JvbmctMw=="),
                ("1 AUTHENTICATE CRAM-MD5",
                 "YWxpY2UgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=")):
        with attacker.talk(dovecot) as talk:
            talk.line()
            for line in [ask] if isinstance(ask, str) else ask:
                said = talk.ask(line)
            assert said.startswith(b"1 NO"), said
        points += 10
        assert_points(dovecot, attacker, points)


def test_three_attempts_in_a_session_are_three(new_dovecot, attacker):
    dovecot = new_dovecot()
    with attacker.talk(dovecot, "pop3") as talk:
        talk.line()
        for n in range(3):
            assert talk.ask("USER alice").startswith(b"+OK")
            assert talk.ask(f"PASS guess-{n}").startswith(b"-ERR")
    assert_points(dovecot, attacker, 30)


def test_after_a_reload(new_dovecot, attacker):
    dovecot = new_dovecot()
    assert attacker.guess(dovecot, 1) == [WRONG]
    old = dovecot.processes("auth")
    os.kill(dovecot.master_pid(), signal.SIGHUP)
    wait_until(lambda: not set(old) & set(dovecot.processes("auth")),
               "the old auth process to end")
    assert attacker.guess(dovecot, 2, start=1) == [WRONG] * 2
    assert_points(dovecot, attacker, 30)


def test_stats_process_that_comes_back(new_dovecot, attacker):
    """It tells auth which events it wants, and forgets those that we want."""
    dovecot = new_dovecot()
    assert attacker.guess(dovecot, 1) == [WRONG]
    for n in range(1, 4):
        old = dovecot.kill("stats")
        assert old != []
        assert attacker.guess(dovecot, 1, start=2 * n) == [WRONG]
        # somebody asks for it
        dovecot.doveadm_raw("stats", "dump")
        wait_until(lambda: dovecot.processes("stats") not in ([], old),
                   "a new stats process")
        assert attacker.guess(dovecot, 1, start=2 * n + 1) == [WRONG]
        assert_points(dovecot, attacker, 10 + 20 * n)


def test_nothing_more_is_logged(new_dovecot, attacker, innocent):
    """Asking for debug events is not asking for debug lines."""
    dovecot = new_dovecot()
    assert attacker.guess(dovecot, 2) == [WRONG] * 2
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert_points(dovecot, attacker, 20)
    assert dovecot.log_lines("Debug:|auth: ") == []


def test_metrics_of_the_admin_do_not_disturb(new_dovecot, attacker):
    dovecot = new_dovecot(config="""
metric logins {
  filter = event=auth_request_finished
}
""")
    assert attacker.guess(dovecot, 3) == [WRONG] * 3
    assert_points(dovecot, attacker, 30)


def test_debug_log_and_verbose_auth_do_not_disturb(new_dovecot, attacker):
    dovecot = new_dovecot(config="auth_debug = yes\nauth_verbose = yes\n"
                          "mail_debug = yes\n")
    assert attacker.guess(dovecot, 3) == [WRONG] * 3
    assert_points(dovecot, attacker, 30)
