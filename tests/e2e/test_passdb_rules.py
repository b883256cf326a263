# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Dovecot's result_... rules, in our stanza and in those of others: nobody
gets in without his password, a blocked host not even with it, and what was
wrong is counted."""

import itertools
import socket

import pytest

from clients import IN, WRONG, hang_up
from dialect import (HOME, IS_2_3, MECHANISMS, PASSDB_CODES,
                     PASSDB_MASTER_USERS, PASSDB_USERS, PASSDB_WARDEN,
                     PASSDB_WARDEN_AGAIN, PASSDB_WARDEN_MASTER, passdb_proxy)
from sasl import SaslClient
from waiting import wait_until

RULES = ("return", "return-ok", "return-fail",
         "continue", "continue-ok", "continue-fail")
NOBODY = "nobody-of-that-name"


def with_lines(stanza, *lines):
    return stanza.replace("\n}\n", "".join(f"\n  {line}" for line in lines)
                          + "\n}\n")


def points(dovecot, host):
    return dovecot.why(host)["points"]


def assert_counted(dovecot, host, expected):
    wait_until(lambda: points(dovecot, host) > expected - 0.9,
               f"{expected} points of {host}")
    assert points(dovecot, host) == pytest.approx(expected, abs=0.9)


def cram(host, dovecot, password):
    client = host.imap(dovecot)
    try:
        client.login_cram_md5("alice", password)
        return IN
    except client.error:
        return WRONG
    finally:
        hang_up(client)


@pytest.mark.parametrize("rule", RULES)
def test_rule_of_our_stanza(new_dovecot, attacker, innocent, rule):
    dovecot = new_dovecot(passdbs=[
        with_lines(PASSDB_WARDEN, f"result_failure = {rule}"), PASSDB_USERS])
    assert ("passdb" in dovecot.problems()) == (rule != "continue")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert cram(innocent, dovecot, "alice-secret") == IN
    assert attacker.try_imap(dovecot, "alice", "wrong") == WRONG
    assert attacker.try_imap(dovecot, NOBODY, "x") == WRONG
    assert cram(attacker, dovecot, "wrong") == WRONG
    assert_counted(dovecot, attacker, 40)
    dovecot.doveadm("block", attacker.address)
    with SaslClient(dovecot) as postfix:
        for user, password in (("alice", "alice-secret"), ("alice", "wrong"),
                               (NOBODY, "x")):
            assert not postfix.ask(attacker.address, user, password)[0]
        assert postfix.ask(innocent.address, "alice", "alice-secret")[0]


@pytest.mark.parametrize("rule", RULES)
def test_rule_with_deny(new_dovecot, attacker, innocent, rule):
    """Where a rule would undo what deny means, nobody gets in."""
    dovecot = new_dovecot(passdbs=[
        with_lines(PASSDB_WARDEN, "deny = yes", f"result_failure = {rule}"),
        PASSDB_USERS])
    assert "deny" in dovecot.problems()["passdb"]
    harmless = rule in ("continue", "continue-fail")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == (
        IN if harmless else WRONG)
    assert innocent.try_imap(dovecot, "alice", "wrong") == WRONG
    assert innocent.try_imap(dovecot, NOBODY, "x") == WRONG
    dovecot.doveadm("block", attacker.address)
    with SaslClient(dovecot) as postfix:
        assert not postfix.ask(attacker.address, "alice", "alice-secret")[0]
        assert not postfix.ask(attacker.address, NOBODY, "x")[0]


@pytest.mark.parametrize("rule", ("return-ok", "continue-ok"))
def test_rule_for_master_users_and_in_the_last_stanza(new_dovecot, attacker,
                                                      innocent, rule):
    line = f"result_failure = {rule}"
    dovecot = new_dovecot(
        start=False, config="auth_master_user_separator = *\n",
        passdbs=[with_lines(PASSDB_WARDEN_MASTER, line), PASSDB_MASTER_USERS,
                 PASSDB_WARDEN, PASSDB_USERS,
                 with_lines(PASSDB_WARDEN_AGAIN, line,
                            f"{MECHANISMS} = plain login")])
    dovecot.sandbox.path(f"{HOME}/masters").write_text(
        "root:master-secret\n")
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice*root", "master-secret") == IN
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    for user in ("alice*root", f"alice*{NOBODY}", "alice", NOBODY):
        assert innocent.try_imap(dovecot, user, "wrong") == WRONG
    dovecot.doveadm("block", attacker.address)
    with SaslClient(dovecot) as postfix:
        assert not postfix.ask(attacker.address, "alice*root",
                               "master-secret")[0]


@pytest.mark.parametrize("rule", RULES)
def test_rule_of_the_only_stanza(new_dovecot, innocent, rule):
    dovecot = new_dovecot(passdbs=[
        with_lines(PASSDB_WARDEN, f"result_failure = {rule}")])
    for user, password in itertools.product(("alice", NOBODY),
                                            ("alice-secret", "")):
        assert innocent.try_imap(dovecot, user, password) == WRONG


LINES = ["result_success = continue", "result_internalfail = return-ok",
         "skip = unauthenticated", f"{MECHANISMS} = plain",
         "username_filter = alice"]
if IS_2_3:
    LINES += ["pass = yes", "default_fields = nodelay=y",
              "override_fields = nodelay=y"]


@pytest.mark.parametrize("line", LINES)
def test_status_names_the_line(new_dovecot, line):
    dovecot = new_dovecot(passdbs=[with_lines(PASSDB_WARDEN, line),
                                   PASSDB_USERS])
    assert line.split()[0] in dovecot.problems()["passdb"]


def test_name_that_all_others_are_not_for(new_dovecot, attacker):
    """Not a fault of the server, or guessing names would cost nothing."""
    dovecot = new_dovecot(passdbs=[
        PASSDB_WARDEN, with_lines(PASSDB_USERS, "username_filter = alice")])
    assert attacker.try_imap(dovecot, NOBODY, "x") == WRONG
    assert_counted(dovecot, attacker, 20)
    assert dovecot.log_lines("Error") == []


def test_right_password_and_wrong_code(new_dovecot, attacker):
    """One database has the password, another the code."""
    dovecot = new_dovecot(start=False, passdbs=[
        PASSDB_WARDEN,
        with_lines(PASSDB_USERS, "result_success = continue-fail",
                   "result_failure = return-fail"),
        PASSDB_CODES])
    dovecot.sandbox.path(f"{HOME}/codes").write_text("alice:123456\n")
    dovecot.start()
    for _ in range(2):
        assert attacker.try_imap(dovecot, "alice", "alice-secret") == WRONG
    # the same password, so it counts once
    assert_counted(dovecot, attacker, 10)


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_proxy_that_checks_no_password_proves_nothing(new_dovecot, attacker):
    """Auth says yes to anybody: the other server decides."""
    dovecot = new_dovecot(passdbs=[
        PASSDB_WARDEN,
        passdb_proxy(closed_port())])
    assert attacker.try_imap(dovecot, "alice", "wrong") != IN
    wait_until(lambda: dovecot.log_lines(r"proxy\(alice,127\.0\.0\.1"),
               "the proxy to have tried")
    assert dovecot.why(attacker)["known"] == "no"


def test_postfix_asks_about_a_user_of_a_proxy(new_dovecot, innocent):
    """There is no login process that would tell how it ended."""
    dovecot = new_dovecot(start=False)
    dovecot.users = {"alice": "alice-secret::::::proxy=y host=127.0.0.1 "
                     f"port={closed_port()}"}
    dovecot.write_users()
    dovecot.start()
    with SaslClient(dovecot) as postfix:
        assert postfix.ask(innocent.address, "alice", "alice-secret")[0]
    assert dovecot.why(innocent)["known"] == "yes"


@pytest.mark.parametrize("checked_here", [False, True])
def test_login_through_a_proxy_is_told_once(new_dovecot, attacker, innocent,
                                            checked_here):
    backend = new_dovecot(warden=False)
    proxy = f"proxy=y host=127.0.0.1 port={backend.ports['imap']}"
    dovecot = new_dovecot(start=False, passdbs=[
        PASSDB_WARDEN, PASSDB_USERS if checked_here else
        passdb_proxy(backend.ports["imap"])])
    dovecot.users = {"alice": f"alice-secret::::::{proxy}"}
    dovecot.write_users()
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert attacker.try_imap(dovecot, "alice", "wrong") == WRONG
    assert_counted(dovecot, attacker, 10)
    assert dovecot.why(attacker)["known"] == "no"
    assert dovecot.why(innocent)["known"] == "yes"
    status, = dovecot.doveadm("status")
    assert (status["logins_hour"], status["failures_hour"]) == (1, 1)
