# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Clients leave at every moment, and each leaving costs what it deserves:
no more than one class for one thing done."""

import contextlib
import socket
import ssl

import pytest

from clients import IN, Talk, tls_context
from waiting import wait_until

# What a client does, on which port; the class and its points, None: nothing.


def leave_at_once(talk):
    pass


def leave_after_banner(talk):
    talk.line()


def leave_in_a_command(talk):
    talk.line()
    talk.sock.sendall(b"1 CAPA")


def ask_and_log_out(talk):
    talk.line()
    talk.ask("1 CAPABILITY")
    talk.ask("2 LOGOUT")


def pop3_quit(talk):
    talk.line()
    talk.ask("QUIT")


def authenticate_and_leave(talk):
    talk.line()
    assert talk.ask("1 AUTHENTICATE PLAIN").startswith(b"+")


def leave_after_name_in_sasl(talk):
    talk.line()
    assert talk.ask("1 AUTHENTICATE LOGIN").startswith(b"+")
    assert talk.ask("YWxpY2U=").startswith(b"+")


def cancel_with_asterisk(talk):
    talk.line()
    assert talk.ask("1 AUTHENTICATE PLAIN").startswith(b"+")
    assert talk.ask("*").startswith(b"1 BAD")


def cancel_and_log_out(talk):
    cancel_with_asterisk(talk)
    talk.ask("2 LOGOUT")


def pop3_cancel(talk):
    talk.line()
    assert talk.ask("AUTH PLAIN").startswith(b"+ ")
    assert talk.ask("*").startswith(b"-ERR")


def pop3_user_and_leave(talk):
    talk.line()
    assert talk.ask("USER alice").startswith(b"+OK")


def pop3_user_and_quit(talk):
    pop3_user_and_leave(talk)
    talk.ask("QUIT")


def pop3_wrong_password(talk):
    pop3_user_and_leave(talk)
    assert talk.ask("PASS wrong").startswith(b"-ERR")


def pop3_wrong_password_and_quit(talk):
    pop3_wrong_password(talk)
    talk.ask("QUIT")


def imap_wrong_password(talk):
    talk.line()
    assert talk.ask("1 LOGIN alice wrong").startswith(b"1 NO")


def imap_unknown_user(talk):
    talk.line()
    assert talk.ask("1 LOGIN nobody-of-that-name x").startswith(b"1 NO")


def leave_while_checked(talk):
    talk.line()
    talk.say("1 LOGIN alice wrong")


def talk_http(talk):
    talk.line()
    for line in ("GET / HTTP/1.1", "Host: mail", "User-Agent: x", "Accept: y",
                 "Accept: z", "Accept: a", "Accept: b", "Accept: c", "") * 4:
        talk.say(line)
    talk.until(b"\0")


def challenge_and_leave(talk):
    talk.line()
    assert talk.ask("1 AUTHENTICATE CRAM-MD5").startswith(b"+")


def challenge_wrong(talk):
    challenge_and_leave(talk)
    # "alice " and sixteen zero bytes in hexadecimal
    assert talk.ask("YWxpY2UgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=") \
        .startswith(b"1 NO")


def leave_exchange_after_a_password(talk):
    imap_wrong_password(talk)    # ten points of its own
    assert talk.ask("2 AUTHENTICATE PLAIN").startswith(b"+")


STAGES = [
    ("imap", leave_at_once, None, 0),
    ("imap", leave_after_banner, None, 0),
    ("imap", leave_in_a_command, None, 0),
    ("imap", ask_and_log_out, None, 0),
    ("pop3", pop3_quit, None, 0),
    ("imap", authenticate_and_leave, "user_abandoned", 20),
    ("imap", leave_after_name_in_sasl, "user_abandoned", 20),
    ("imap", challenge_and_leave, "user_abandoned", 20),
    ("imap", leave_exchange_after_a_password, "auth_cancelled", 20),
    ("imap", cancel_with_asterisk, "auth_cancelled", 10),
    ("imap", cancel_and_log_out, "auth_cancelled", 10),
    ("pop3", pop3_cancel, "auth_cancelled", 10),
    ("pop3", pop3_user_and_leave, "user_abandoned", 20),
    ("pop3", pop3_user_and_quit, "user_abandoned", 20),
    ("pop3", pop3_wrong_password, "auth_failed", 10),
    ("pop3", pop3_wrong_password_and_quit, "auth_failed", 10),
    ("imap", imap_wrong_password, "auth_failed", 10),
    ("imap", challenge_wrong, "auth_failed", 10),
    ("imap", imap_unknown_user, "user_unknown", 20),
    ("imap", leave_while_checked, "auth_failed", 10),
    ("imap", talk_http, "protocol_error", 10),
    ("pop3", talk_http, "protocol_error", 10),
]


def assert_cost(dovecot, host, reason, points):
    """Exactly this, once the last session of the host has ended: Dovecot logs
    the end, and only then has the login plugin said what it was."""
    wait_until(lambda: dovecot.log_lines(rf"rip={host.address},"),
               "Dovecot to log the end of the session")

    def settled():
        answer = dovecot.why(host)
        return answer["sessions"] == 0 and answer["points"] > points - 0.9
    wait_until(settled, f"{reason} to be counted")
    answer = dovecot.why(host)
    assert answer["points"] == pytest.approx(points, abs=0.9)
    if reason is not None:
        assert answer["last_class"] == reason


@pytest.mark.parametrize(
    "service, act, reason, points", STAGES,
    ids=[f"{service}-{act.__name__}" for service, act, _, _ in STAGES])
def test_leaving_costs(shared_dovecot, fresh_host, service, act, reason,
                       points):
    with fresh_host.talk(shared_dovecot, service) as talk:
        act(talk)
    assert_cost(shared_dovecot, fresh_host, reason, points)


def client_hello(newest=ssl.TLSVersion.TLSv1_3):
    """The first thing that a TLS client says."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = tls_context()
    context.maximum_version = newest
    tls = context.wrap_bio(incoming, outgoing,
                           server_hostname="mail.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def drain(sock):
    with contextlib.suppress(ConnectionError):
        while sock.recv(4096):
            pass


def tls_http(sock):
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")


def tls_noise(sock):
    sock.sendall(b"\0" * 100)


def tls_one_byte(sock):
    sock.sendall(b"\x16")


def tls_half_hello(sock):
    sock.sendall(client_hello()[:100])


def tls_hello(sock):
    """Leaves when it has seen the server's part."""
    sock.sendall(client_hello())
    assert sock.recv(1) != b""


def tls_hello_at_once(sock):
    sock.sendall(client_hello())


def tls_alert(number):
    """In answer to the certificate; TLS 1.2 says it in clear."""
    def act(sock):
        sock.sendall(client_hello(ssl.TLSVersion.TLSv1_2))
        assert sock.recv(65536) != b""
        sock.sendall(bytes((0x15, 3, 3, 0, 2, 2, number)))
        drain(sock)
    act.__name__ = f"tls_alert_{number}"
    return act


def tls_alert_unseen(sock):
    """About a certificate that it was never shown."""
    sock.sendall(bytes((0x15, 3, 3, 0, 2, 2, 42)))
    drain(sock)


HANDSHAKES = [
    (tls_http, "tls_failed", 2),
    (tls_noise, "tls_failed", 2),
    (tls_one_byte, "tls_failed", 2),
    (tls_half_hello, "tls_failed", 2),
    (tls_hello, "tls_failed", 2),
    (tls_hello_at_once, "tls_failed", 2),
    (tls_alert_unseen, "tls_failed", 2),
    (tls_alert(40), "tls_failed", 2),
    (tls_alert(42), None, 0),
    (tls_alert(45), None, 0),
    (tls_alert(46), None, 0),
    (tls_alert(48), None, 0),
]


@pytest.mark.parametrize("service", ["imaps", "pop3s"])
@pytest.mark.parametrize("act, reason, points", HANDSHAKES,
                         ids=[act.__name__ for act, _, _ in HANDSHAKES])
def test_tls_handshake_not_finished(shared_dovecot, fresh_host, act, reason,
                                    points, service):
    with fresh_host.connect(shared_dovecot, service) as sock:
        act(sock)
    assert_cost(shared_dovecot, fresh_host, reason, points)


@pytest.mark.parametrize("act, reason, points", HANDSHAKES,
                         ids=[act.__name__ for act, _, _ in HANDSHAKES])
def test_tls_handshake_after_starttls_not_finished(shared_dovecot, fresh_host,
                                                   act, reason, points):
    with fresh_host.talk(shared_dovecot) as talk:
        talk.line()
        assert talk.ask("1 STARTTLS").startswith(b"1 OK")
        act(talk.sock)
    assert_cost(shared_dovecot, fresh_host, reason, points)


@pytest.mark.parametrize("act", [tls_half_hello, tls_hello],
                         ids=["half_hello", "hello"])
def test_tls_handshake_until_grace_is_over(new_dovecot, attacker, act):
    dovecot = new_dovecot(settings={"login_grace": "2 s"})
    with attacker.connect(dovecot, "imaps") as sock:
        act(sock)
        drain(sock)
    assert_cost(dovecot, attacker, "tls_failed", 2)


def test_silent_at_the_tls_port_is_idle(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"login_grace": "2 s",
                                    "session_limit": "0"})
    with contextlib.ExitStack() as stack:
        for sock in [stack.enter_context(attacker.connect(dovecot, "imaps"))
                     for _ in range(42)]:
            drain(sock)
    wait_until(lambda: dovecot.why(attacker)["points"] >= 5,
               "more than thirty to cost")
    answer = dovecot.why(attacker)
    assert answer["points"] <= 14
    assert answer["last_class"] == "idle"


@pytest.mark.parametrize("newest", ["TLSv1_2", "TLSv1_3"])
def test_client_that_distrusts_our_certificate_costs_nothing(
        shared_dovecot, fresh_host, newest):
    with fresh_host.connect(shared_dovecot, "imaps") as sock:
        context = ssl.create_default_context()
        context.maximum_version = ssl.TLSVersion[newest]
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(sock, server_hostname="mail.example.org")
    assert_cost(shared_dovecot, fresh_host, None, 0)


def test_tls_and_starttls_logins(shared_dovecot, fresh_host):
    assert fresh_host.try_imap(shared_dovecot, "alice", "alice-secret",
                               tls=True) == IN
    client = fresh_host.imap(shared_dovecot)
    client.starttls(tls_context())
    client.login("alice", "alice-secret")
    client.logout()
    client = fresh_host.pop3(shared_dovecot)
    client.stls(tls_context())
    client.user("bob")
    client.pass_("bob-secret")
    client.quit()
    assert_cost(shared_dovecot, fresh_host, None, 0)


def test_failures_inside_tls_count_as_others(shared_dovecot, fresh_host):
    assert fresh_host.try_imap(shared_dovecot, "alice", "wrong",
                               tls=True) == "wrong"
    assert_cost(shared_dovecot, fresh_host, "auth_failed", 10)
    with fresh_host.talk(shared_dovecot) as talk:
        talk.line()
        assert talk.ask("1 STARTTLS").startswith(b"1 OK")
        talk.start_tls()
        assert talk.ask("2 LOGIN bob wrong").startswith(b"2 NO")
    assert_cost(shared_dovecot, fresh_host, "auth_failed", 20)


def test_password_in_clear_where_tls_is_required(new_dovecot, attacker,
                                                 innocent):
    """Dovecot's default."""
    dovecot = new_dovecot(cleartext=False)
    with attacker.talk(dovecot) as talk:
        talk.line()
        talk.say("1 LOGIN alice alice-secret")
        assert b"PRIVACYREQUIRED" in talk.until(b"1 ")
    assert_cost(dovecot, attacker, "cleartext_refused", 2)
    # Over TLS the same password is welcome, and wrong ones are counted.
    assert innocent.try_imap(dovecot, "alice", "alice-secret", tls=True) == IN
    assert attacker.try_imap(dovecot, "alice", "wrong", tls=True) == "wrong"
    assert_cost(dovecot, attacker, "auth_failed", 12)


def test_blocked_host_gets_no_tls_byte(new_dovecot, attacker):
    dovecot = new_dovecot()
    dovecot.doveadm("block", attacker.address)
    for service in ("imaps", "pop3s"):
        with attacker.connect(dovecot, service) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(bytes.fromhex("160301020001"))
                assert sock.recv(1) == b""
    with attacker.connect(dovecot) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert Talk(sock).line() == b""


def test_silent_phone_is_free_up_to_thirty_a_minute(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "100"})
    for _ in range(29):
        attacker.greeting(dovecot)
    assert_cost(dovecot, attacker, None, 0)
    for _ in range(12):
        attacker.greeting(dovecot)
    wait_until(lambda: dovecot.why(attacker)["points"] >= 5,
               "more than thirty to cost")
    assert dovecot.why(attacker)["points"] <= 14
