# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Rules that ask for a client's host name: looked up through Dovecot's
dns-client while the client waits, ungreeted, and others are served."""

import contextlib
import ctypes.util
import re
import socket
import sys
import time

import pytest

import libwrap_named
from clients import IN, REFUSED, WRONG, Host
from dialect import login_count
from flooder import Flooder
from test_old_passwords import points, total, wait_excused
from test_rules import ALLOW, DENY, save, wait_let_in, wait_refused
from test_sessions import every_model
from waiting import holds_for, wait_until

NAMED = "127.0.0.66"        # client.bad.example
FRIEND = "127.0.0.8"        # phone.good.example
LIAR = "127.0.0.9"          # of its name, only the other address is true
HOSTS = f"""127.0.0.1 localhost
{NAMED} client.bad.example
{FRIEND} phone.good.example
127.0.0.10 liar.good.example
{LIAR} liar.good.example
"""


def configure_names(dovecot, hosts=HOSTS):
    # doveadm looks for the name of the machine
    dovecot.sandbox.path("/etc/hosts").write_text(
        f"{hosts}127.0.0.1 {socket.gethostname()}\n")
    # of a name that is there twice the first line counts
    dovecot.sandbox.path("/etc/host.conf").write_text("multi off\n")


@pytest.fixture
def new_named(new_dovecot):
    def make(**kwargs):
        dovecot = new_dovecot(start=False, **kwargs)
        configure_names(dovecot)
        return dovecot.start()
    return make


@pytest.fixture
def named():
    return Host(NAMED)


@pytest.fixture
def friend():
    return Host(FRIEND)


@every_model
def test_a_name_in_hosts_deny_refuses(new_named, login, named, innocent):
    dovecot = new_named(login=login)
    save(dovecot, DENY, "ALL: .bad.example\n")
    wait_refused(dovecot, named)
    for service in ("pop3", "submission"):
        assert named.is_refused(dovecot, service)
    assert named.try_imap(dovecot, "alice", "alice-secret",
                          tls=True) == REFUSED
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_imap(dovecot, "alice", "alice-secret", tls=True) == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    assert innocent.try_submission(dovecot, "bob", "bob-secret") == IN
    save(dovecot, DENY, "")
    wait_let_in(dovecot, named)
    assert dovecot.log_lines("(?i)panic|fatal|login: error") == []
    # whoever waited is nobody's session any more
    for host in (named, innocent):
        wait_until(lambda host=host: dovecot.sessions_of(host) == 0,
                   "the sessions to end")


@every_model
def test_words_for_names(new_named, login, named, friend, innocent):
    """127.0.0.7 has no name."""
    dovecot = new_named(login=login)
    save(dovecot, DENY, "imap: UNKNOWN\npop3: KNOWN\n")
    wait_refused(dovecot, innocent)
    assert named.try_imap(dovecot, "alice", "alice-secret") == IN
    assert named.is_refused(dovecot, "pop3")
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    assert friend.try_imap(dovecot, "alice", "alice-secret") == IN
    save(dovecot, DENY, "ALL: ALL EXCEPT .good.example\n")
    wait_refused(dovecot, named)
    liar = Host(LIAR)
    assert innocent.is_refused(dovecot) and liar.is_refused(dovecot)
    assert friend.try_imap(dovecot, "alice", "alice-secret") == IN
    save(dovecot, DENY, "ALL: PARANOID\n")
    wait_let_in(dovecot, named)
    wait_refused(dovecot, liar)
    for host in (named, friend, innocent):
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN


PATTERNS = [".good.example", "phone.good.example", ".example", "KNOWN",
            "UNKNOWN", "PARANOID", "LOCAL", "phone.*", "ALL EXCEPT KNOWN",
            "KNOWN EXCEPT .bad.example", "alpha"]


@pytest.mark.skipif(ctypes.util.find_library("wrap") is None,
                    reason="no libwrap")
def test_libwrap_finds_the_same_names(shared_dovecot):
    """With the same resolver on both sides."""
    alpha, nobody = "127.0.0.11", "127.0.0.7"
    addresses = (NAMED, FRIEND, LIAR, alpha, nobody)
    configure_names(shared_dovecot, HOSTS + f"{alpha} alpha\n")
    refused = set()
    for pattern in PATTERNS:
        save(shared_dovecot, DENY, f"imap: {pattern}\n")
        verdicts = shared_dovecot.sandbox.run(
            sys.executable, "-E", "-s", libwrap_named.__file__, "imap",
            *addresses).stdout.split()
        assert len(verdicts) == len(addresses)
        for address, verdict in zip(addresses, verdicts):
            said = shared_dovecot.doveadm_raw("warden", "check", address)
            assert said.returncode == (verdict == "denied"), \
                f"{address}: {pattern}: {verdict}\n{said.stdout}"
            if verdict == "denied":
                refused.add(address)
    assert refused == set(addresses)


def test_flood_of_a_name_that_is_refused(new_named, named, innocent):
    """Processes are not used up, and nobody pays for a lookup twice."""
    dovecot = new_named(login=login_count(1) + "  process_limit = 30\n")
    save(dovecot, DENY, "imap: .bad.example\n")
    wait_refused(dovecot, named)
    with Flooder(named, dovecot) as flood:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
            # At most 10 of the host's wait at once. The rest is for those
            # that the master has started ahead and those that are ending,
            # which take their time on a busy machine.
            assert len(dovecot.processes("imap-login")) <= 28
        refused, greeted, failed = flood.stop()
    assert refused > 50 and greeted == 0 and failed == 0
    assert dovecot.log_lines("(?i)panic|fatal|queue full|error") == []


def test_without_rules_for_names_nobody_looks_up(new_named, named, innocent):
    dovecot = new_named()
    save(dovecot, ALLOW, f"imap: {NAMED}\n")
    save(dovecot, DENY, f"imap: {innocent.address}, 192.0.2.0/24\n")
    wait_refused(dovecot, innocent)
    assert named.try_imap(dovecot, "alice", "wrong") == WRONG
    assert dovecot.processes("dns-client") == []


def test_whom_hosts_allow_names_is_exempt(new_named, friend, named):
    dovecot = new_named(settings={"fail_limit": "30"})
    save(dovecot, ALLOW, "imap: .good.example\n")
    wait_until(lambda: dovecot.why(friend)["rule"] == "hosts.allow",
               "the rule")
    friend.guess(dovecot, 6)
    named.guess(dovecot, 4)
    dovecot.wait_blocked(named)
    assert set(dovecot.blocked()) == {NAMED}
    assert friend.try_imap(dovecot, "alice", "alice-secret") == IN
    # Not even by hand, and not by the passdb either.
    dovecot.doveadm("block", FRIEND, "1 h")
    wait_refused(dovecot, friend, "pop3")
    assert friend.try_imap(dovecot, "alice", "alice-secret") == IN
    assert named.is_refused(dovecot)


MARK = "127.0.0.99"         # meant by its address


def allow(dovecot, rules):
    """rules are in force when this returns."""
    for mark in (MARK, "127.0.0.98"):
        save(dovecot, ALLOW, f"imap: {mark}\n{rules}")
        wait_until(lambda mark=mark:
                   dovecot.why(Host(mark))["rule"] == "hosts.allow",
                   "the rules")


def denied(dovecot):
    return sorted(dovecot.deny_file() or [])


def test_whom_hosts_allow_names_for_another_service_is_in_no_deny_file(
        new_named, friend, named):
    """For sshd that file would be; for mail it is blocked."""
    dovecot = new_named(settings={"fail_limit": "20", "dns_timeout": "10 s"})
    allow(dovecot, "sshd: .good.example\n")
    friend.guess(dovecot, 2)
    dovecot.wait_blocked(friend)
    seen = []

    def others_are_denied():
        seen.append(denied(dovecot))
        return NAMED in seen[-1]
    named.guess(dovecot, 2)
    wait_until(others_are_denied, "who has another name")
    holds_for(lambda: denied(dovecot) == [NAMED], "the other one alone", 3)
    assert not any(FRIEND in lines for lines in seen)
    assert friend.is_refused(dovecot) and named.is_refused(dovecot)
    assert set(dovecot.blocked()) == {FRIEND, NAMED}
    # nor by hand
    dovecot.doveadm("unblock", "--all")
    wait_until(lambda: denied(dovecot) == [], "the end of both")
    for address in (FRIEND, LIAR):
        dovecot.doveadm("block", address)
    wait_until(lambda: denied(dovecot) == [LIAR], "the liar alone")
    holds_for(lambda: denied(dovecot) == [LIAR], "the liar alone", 3)
    # other rules mean others, of those who are blocked already
    allow(dovecot, "sshd: .bad.example\n")
    wait_until(lambda: denied(dovecot) == [FRIEND, LIAR], "both")
    allow(dovecot, "vsftpd: phone.*\n")
    wait_until(lambda: denied(dovecot) == [LIAR], "the liar alone")
    allow(dovecot, "")
    wait_until(lambda: denied(dovecot) == [FRIEND, LIAR], "both")
    assert dovecot.log_lines("(?i)panic|fatal|warden: error") == []


def test_blocked_hosts_are_not_looked_up_for_nothing(new_named, friend):
    dovecot = new_named(settings={"fail_limit": "20"})
    allow(dovecot, "sshd: 192.0.2.\nALL: ALL\n")
    friend.guess(dovecot, 2)
    wait_until(lambda: denied(dovecot) == [FRIEND], "the entry")
    assert dovecot.processes("dns-client") == []


def test_block_by_hand_says_whom_hosts_allow_means(new_named):
    dovecot = new_named(settings={"dns_timeout": "10 s"})
    allow(dovecot, "sshd, pop3: .good.example\nvsftpd: phone.*\n")

    def block(what):
        said = dovecot.doveadm_raw("warden", "block", what)
        assert said.returncode == 0
        return re.sub(r"(?m)^.*?Warning: ", "",
                      said.stderr).splitlines()
    assert block(FRIEND) == [
        f"line 2 of /etc/hosts.allow means {FRIEND} for pop3, sshd: there "
        f"the block does nothing",
        f"line 3 of /etc/hosts.allow means {FRIEND} for vsftpd: there the "
        f"block does nothing",
        f"{FRIEND} goes neither into the deny file nor to nftables"]
    assert block("127.0.0.98") == [
        "line 1 of /etc/hosts.allow means 127.0.0.98 for imap: there the "
        "block does nothing",
        "127.0.0.98 goes neither into the deny file nor to nftables"]
    assert block("127.0.0.96/29") == [
        "/etc/hosts.allow means somebody in 127.0.0.96/29: he is let in "
        "where it does",
        "127.0.0.96/29 goes neither into the deny file nor to nftables"]
    assert block(NAMED) == block("203.0.113.0/24") == []
    assert dovecot.why(Host(FRIEND))["exempt_for"] == "pop3, sshd, vsftpd"
    assert dovecot.why(Host(NAMED))["exempt_for"] == ""
    text = dovecot.doveadm_raw("warden", "why", FRIEND).stdout
    assert "exempt           for vsftpd, by line 3 of /etc/hosts.allow" in text


@contextlib.contextmanager
def silent_name_server(sandbox):
    """127.0.0.53 takes questions and never answers. Only once Dovecot runs:
    it looks its own name up when it starts."""
    sandbox.path("/etc/resolv.conf").write_text(
        "nameserver 127.0.0.53\noptions timeout:30 attempts:1\n")
    sandbox.path("/etc/nsswitch.conf").write_text(
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
    with sandbox.inside_network():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server:
        server.bind(("127.0.0.53", 53))
        yield


@every_model
def test_a_slow_name_server_holds_up_its_own_client_only(
        new_sandbox, new_dovecot, login):
    sandbox = new_sandbox(network=True)
    sandbox.run("ip", "link", "set", "lo", "up")
    named, slow = Host(NAMED, sandbox), Host("127.0.0.7", sandbox)
    dovecot = new_dovecot(sandbox=sandbox, login=login,
                          settings={"dns_timeout": "3 s"})
    configure_names(dovecot)
    with silent_name_server(sandbox):
        save(dovecot, DENY, "imap: .bad.example\n")
        wait_refused(dovecot, named)
        began = time.monotonic()
        with slow.talk(dovecot) as talk:
            # served meanwhile
            assert named.is_refused(dovecot)
            save(dovecot, DENY, "imap: UNKNOWN\n")
            assert named.try_pop3(dovecot, "bob", "bob-secret") == IN
            # and then the client has no name
            assert talk.line() == b""
        waited = time.monotonic() - began
        assert 2.5 < waited
        assert dovecot.log_lines("(?i)panic|fatal|error") == []
        save(dovecot, DENY, "imap: KNOWN\n")
        wait_let_in(dovecot, slow)
        assert slow.try_imap(dovecot, "alice", "alice-secret") == IN


def test_a_silent_name_server_keeps_nobody_out_of_the_deny_file(
        new_sandbox, new_dovecot):
    sandbox = new_sandbox(network=True)
    sandbox.run("ip", "link", "set", "lo", "up")
    slow = Host("127.0.0.7", sandbox)
    dovecot = new_dovecot(
        sandbox=sandbox, settings={"fail_limit": "20", "dns_timeout": "1 s"})
    configure_names(dovecot)
    with silent_name_server(sandbox):
        allow(dovecot, "sshd: .good.example\n")
        slow.guess(dovecot, 2)
        wait_until(lambda: denied(dovecot) == [slow.address], "the entry")
        # more than are looked up at once
        for n in range(20):
            dovecot.doveadm("block", f"203.0.113.{n + 1}")
        wait_until(lambda: len(denied(dovecot)) == 21, "all", 60)
        assert dovecot.log_lines("(?i)panic|fatal|warden: error") == []


def test_who_waits_for_a_name_holds_a_session(new_sandbox, new_dovecot):
    """Else one host with a silent name server could hold them all."""
    sandbox = new_sandbox(network=True)
    sandbox.run("ip", "link", "set", "lo", "up")
    slow = Host("127.0.0.7", sandbox)
    dovecot = new_dovecot(
        sandbox=sandbox, login=login_count(None),
        settings={"dns_timeout": "10 s", "session_limit": "3"})
    configure_names(dovecot)
    with silent_name_server(sandbox), contextlib.ExitStack() as stack:
        save(dovecot, DENY, "imap: .bad.example\n")
        wait_refused(dovecot, Host(NAMED, sandbox))
        for _ in range(3):
            stack.enter_context(slow.talk(dovecot))
        # `why` would wait for the name as well
        wait_until(lambda: dovecot.doveadm("status")[0]["sessions"] == 3,
                   "three sessions")
        assert slow.greeting(dovecot).startswith(b"* BYE Too many")


def test_while_a_name_is_asked_for_the_same_password_counts_once(
        new_named, friend, named):
    dovecot = new_named()
    save(dovecot, ALLOW, "imap: .good.example\n")
    wait_until(lambda: dovecot.why(friend)["rule"] == "hosts.allow",
               "the rule")
    # the first is counted when auth has the name, the others know it
    for _ in range(4):
        assert named.try_imap(dovecot, "alice", "stale") == WRONG
    wait_excused(dovecot, 3)
    assert points(dovecot, named) == pytest.approx(10, abs=0.9)


def test_a_limited_office_that_is_asked_for_its_name(new_named, named):
    """Passwords that worked before still do, and no other."""
    users = {f"user{n}": f"secret{n}" for n in range(6)}
    dovecot = new_named(users={"alice": "alice-secret", **users},
                        settings={"fail_limit": "30", "session_limit": "0"})
    for user, password in users.items():
        assert named.try_imap(dovecot, user, password) == IN
    wait_until(lambda: dovecot.why(named)["users"] >= 4, "the users")
    assert WRONG in named.guess(dovecot, 60, "user3")
    wait_until(lambda: dovecot.why(named)["rule"] == "limited", "a block")
    save(dovecot, ALLOW, "imap: .good.example\n")
    wait_until(lambda: dovecot.why(Host(FRIEND))["rule"] == "hosts.allow",
               "the rule")
    # auth, which is a new one, knows no name; user3 has failed from there, so
    # he is let in only by what is remembered of his password
    dovecot.doveadm_raw("reload")
    assert named.try_imap(dovecot, "user3", "secret3") == IN
    dovecot.doveadm_raw("reload")
    assert named.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert total(dovecot, "refused_auth_hour") > 0
