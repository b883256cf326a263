# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A Dovecot proxy that takes any password and asks another server: only that
one knows whether a login succeeded."""

import pytest

from clients import IN, REFUSED, WRONG
from dialect import PASSDB_WARDEN, passdb_proxy
from test_stages import assert_cost
from waiting import wait_until


@pytest.fixture
def behind(new_dovecot):
    """make(service): (the server that decides, the proxy in front of it)"""
    def make(service="imap", config=""):
        back = new_dovecot(warden=False, config=config)
        front = new_dovecot(
            settings={"fail_limit": "20"},
            config="login_proxy_max_reconnects = 0\n",
            passdbs=[PASSDB_WARDEN, passdb_proxy(back.ports[service])])
        return back, front
    return make


def attempt(host, front, service, password):
    return {"imap": host.try_imap, "pop3": host.try_pop3,
            "submission": host.try_submission}[service](
                front, "alice", password)


@pytest.mark.parametrize("service", ["imap", "pop3", "submission"])
def test_password_that_the_backend_refuses_is_a_failure(
        behind, attacker, innocent, service):
    _, front = behind(service)
    assert attempt(attacker, front, service, "guess-1") == WRONG
    assert_cost(front, attacker, "auth_failed", 10)
    assert attempt(attacker, front, service, "guess-2") == WRONG
    assert front.wait_blocked(attacker)["reason"] == "auth_failed"
    assert attempt(attacker, front, service, "alice-secret") == REFUSED
    if service != "submission":     # which needs a relay to let anybody in
        assert attempt(innocent, front, service, "alice-secret") == IN
    assert front.log_lines("(?i)panic|fatal") == []


def test_login_through_the_proxy_makes_the_host_known(behind, innocent):
    _, front = behind()
    assert innocent.try_imap(front, "alice", "typo") == WRONG
    assert_cost(front, innocent, "auth_failed", 10)
    assert innocent.try_imap(front, "alice", "alice-secret", tls=True) == IN
    wait_until(lambda: front.why(innocent)["known"] == "yes",
               "the host to be known")
    # Each attempt was counted once, though auth and the proxy both know of it.
    status = front.doveadm("status")[0]
    assert int(status["logins_hour"]) == 1
    assert int(status["failures_hour"]) == 1


def test_third_failure_of_one_session_is_refused(behind, attacker):
    _, front = behind()
    with attacker.talk(front) as talk:
        talk.line()
        assert talk.ask("1 LOGIN alice wrong").startswith(b"1 NO")
        assert talk.ask("2 LOGIN bob wrong").startswith(b"2 NO")
        talk.say("3 LOGIN carol carol-secret")
        assert not talk.until(b"3 OK")
    assert front.wait_blocked(attacker)["reason"] == "auth_failed"


def test_open_exchange_after_a_refused_password_is_not_free(behind, attacker):
    _, front = behind("pop3")
    with attacker.talk(front, "pop3") as talk:
        talk.line()
        talk.ask("USER alice")
        assert talk.ask("PASS wrong").startswith(b"-ERR")
        assert talk.ask("USER bob").startswith(b"+OK")
    assert front.wait_blocked(attacker)["reason"] == "user_abandoned"


def test_backend_that_is_down_is_nobodys_failure(behind, innocent):
    back, front = behind()
    back.stop()
    for _ in range(3):
        assert innocent.try_imap(front, "alice", "alice-secret") == WRONG
    assert_cost(front, innocent, None, 0)


def test_too_many_connections_of_one_user_are_no_failure(behind, innocent):
    _, front = behind(config="mail_max_userip_connections = 1\n")
    with innocent.imap(front) as client:
        client.login("alice", "alice-secret")
        for _ in range(3):
            assert innocent.try_imap(front, "alice", "alice-secret") == WRONG
    assert_cost(front, innocent, None, 0)
