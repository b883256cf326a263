# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""While auth is down nobody gets a banner. Clients that wait for it in vain
have done nothing wrong; junk is junk all the same."""

import time

import pytest

from clients import Host, Talk, tls_context
from waiting import wait_until


@pytest.fixture
def dovecot(new_dovecot):
    return new_dovecot(
        settings={"session_limit": "0"},
        config="service auth {\n  executable = /bin/sleep 1000\n}\n")


def leave_without_banner(dovecot, host, service, count):
    """So many clients, and each end is logged."""
    def ends():
        return len(dovecot.log_lines(rf"rip={host.address},"))
    before = ends()
    for _ in range(count):
        host.connect(dovecot, service).close()
    wait_until(lambda: ends() >= before + count, "all to be logged")
    wait_until(lambda: dovecot.sessions_of(host) == 0, "all to have ended")


def test_clients_that_get_no_banner_cost_nothing(dovecot):
    # Thirty a minute would be free anyway.
    for number, service in enumerate(("imap", "imaps")):
        host = Host(f"127.0.0.{20 + number}")
        leave_without_banner(dovecot, host, service, 40)
        assert dovecot.why(host)["points"] == 0


def test_tls_client_that_gets_no_banner_costs_nothing(dovecot, innocent):
    for _ in range(5):
        with Talk(tls_context().wrap_socket(
                innocent.connect(dovecot, "imaps"))) as talk:
            assert talk.sock.version() is not None
    wait_until(lambda: len(dovecot.log_lines(
        rf"rip={innocent.address},")) == 5, "all to be logged")
    assert dovecot.why(innocent)["points"] == 0


def test_http_and_endless_lines_cost_what_they_always_do(dovecot):
    web, endless = Host("127.0.0.30"), Host("127.0.0.31")
    with web.talk(dovecot) as talk:
        talk.say("GET / HTTP/1.1")
        # Only a look before the end: without auth nothing else reads it.
        time.sleep(0.3)
    with endless.talk(dovecot) as talk:
        for _ in range(200):
            talk.say("x" * 1000)
        assert talk.until(b"\0") == b""
    for host in (web, endless):
        wait_until(lambda: dovecot.why(host)["points"] > 9, "the error")
        answer = dovecot.why(host)
        assert answer["last_class"] == "protocol_error"
        assert answer["points"] == pytest.approx(10, abs=0.9)
