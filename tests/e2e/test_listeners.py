# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Other ways to a login process: behind HAProxy, and with tcpwrap, Dovecot's
own access check, in between."""

import pytest

from clients import IN, REFUSED, Host, Talk
from dialect import IS_2_3
from test_sessions import every_model, sessions
from waiting import wait_until

PROXY = Host("127.0.0.5")


@pytest.fixture
def proxied(new_dovecot):
    """make(login): a Dovecot that also listens for HAProxy."""
    def make(login, **kwargs):
        dovecot = new_dovecot(start=False, login=login, **kwargs)
        port = dovecot.sandbox.free_port()
        dovecot.extra += (
            "haproxy_trusted_networks = 127.0.0.5\n"
            "service imap-login {\n  inet_listener imap-haproxy {\n"
            f"    port = {port}\n    haproxy = yes\n  }}\n}}\n")
        dovecot.ports["imap-haproxy"] = port
        return dovecot.start()
    return make


def behind_proxy(dovecot, client):
    """A connection that HAProxy passes on for the client's address."""
    talk = PROXY.talk(dovecot, "imap-haproxy")
    talk.say(f"PROXY TCP4 {client} 127.0.0.1 40000 143")
    return talk


@every_model
def test_client_behind_haproxy_is_judged_by_his_own_address(proxied, login):
    dovecot = proxied(login)
    dovecot.doveadm("block", "198.51.100.9")
    for _ in range(5):
        with behind_proxy(dovecot, "198.51.100.9") as talk:
            assert talk.line() == b""
        with behind_proxy(dovecot, "198.51.100.10") as talk:
            assert talk.line().startswith(b"* OK")
            assert talk.ask("1 LOGIN alice alice-secret").startswith(b"1 OK")
    # The port without HAProxy works as before.
    assert Host("127.0.0.7").try_imap(dovecot, "bob", "bob-secret") == IN
    assert dovecot.log_lines("(?i)panic|fatal") == []


@every_model
def test_sessions_behind_haproxy_are_the_clients(proxied, login):
    dovecot = proxied(login, settings={"session_limit": "2"})
    with behind_proxy(dovecot, "198.51.100.9") as one, \
            behind_proxy(dovecot, "198.51.100.9") as two:
        assert one.line().startswith(b"* OK")
        assert two.line().startswith(b"* OK")
        with behind_proxy(dovecot, "198.51.100.9") as three:
            assert three.line().startswith(b"* BYE")
        with behind_proxy(dovecot, "198.51.100.10") as other:
            assert other.line().startswith(b"* OK")
    host = Host("198.51.100.9")
    wait_until(lambda: dovecot.sessions_of(host) == 0, "the sessions to end")


@every_model
def test_failures_behind_haproxy_block_the_client_alone(proxied, login):
    dovecot = proxied(login, settings={"fail_limit": "20"})
    for n in range(2):
        with behind_proxy(dovecot, "198.51.100.9") as talk:
            talk.line()
            assert talk.ask(f"1 LOGIN alice guess-{n}").startswith(b"1 NO")
    wait_until(lambda: set(dovecot.blocked()) == {"198.51.100.9"},
               "the client to be blocked")


TCPWRAP = """
login_access_sockets = tcpwrap
service tcpwrap {
  unix_listener login/tcpwrap {
    mode = 0600
    user = $default_login_user
  }
}
"""


@pytest.mark.skipif(not IS_2_3, reason="2.4 has no tcpwrap")
@every_model
def test_with_tcpwrap_in_between(new_dovecot, attacker, innocent, login):
    dovecot = new_dovecot(login=login, config=TCPWRAP,
                          settings={"session_limit": "2", "fail_limit": "40"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    with sessions(dovecot, attacker, 2):
        wait_until(lambda: dovecot.sessions_of(attacker) == 2, "both")
        with Talk(attacker.connect(dovecot)) as third:
            # The answer of tcpwrap comes after the accept, so a banner may
            # be said; but then it is over.
            third.until(b"\0")
            assert not third.is_open()
        assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    wait_until(lambda: dovecot.sessions_of(attacker) == 0, "none to be left")
    attacker.guess(dovecot, 4, at_once=2)
    dovecot.wait_blocked(attacker)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert innocent.try_imap(dovecot, "alice", "alice-secret", tls=True) == IN
    assert dovecot.log_lines("(?i)panic|fatal") == []
