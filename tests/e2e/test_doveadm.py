# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What an admin types and reads."""

import json
import re

import pytest

from clients import IN, REFUSED, Host
from dialect import IS_2_3
from test_sessions import every_model, sessions
from waiting import wait_until

EX_USAGE, EX_TEMPFAIL, EX_NOPERM = 64, 75, 77
RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)"


@pytest.fixture(scope="module")
def dovecot(shared_dovecot):
    return shared_dovecot


def test_list_has_the_fields_that_scripts_rely_on(dovecot, fresh_host):
    dovecot.doveadm("block", fresh_host.address, "1 h")
    assert fresh_host.is_refused(dovecot)
    record = dovecot.blocked()[fresh_host.address]
    assert {"host", "blocked_until", "seconds_left", "reason", "points",
            "offences", "sessions", "refused"} <= set(record)
    assert re.fullmatch(RFC_3339, record["blocked_until"])
    for name, kind in (("seconds_left", int), ("points", (int, float)),
                       ("offences", int), ("sessions", int),
                       ("refused", int)):
        assert isinstance(record[name], kind), name
    assert 3590 <= record["seconds_left"] <= 3600
    assert record["reason"] == "manual"
    assert record["refused"] == 1


@pytest.mark.parametrize("formatter", ["flow", "tab", "table", "pager",
                                       "json"])
@pytest.mark.parametrize("command", [
    ("status",), ("list",), ("list", "--all"), ("list", "--known"),
    ("why", "127.0.0.250")])
def test_every_formatter_works(dovecot, fresh_host, formatter, command):
    dovecot.doveadm("block", fresh_host.address)
    assert Host("127.0.0.251").try_imap(dovecot, "alice",
                                        "alice-secret") == IN
    said = dovecot.doveadm_raw("-f", formatter, "warden", *command)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout != ""
    if formatter == "json":
        json.loads(said.stdout)


def test_json_status_has_numbers(dovecot, fresh_host):
    assert fresh_host.try_imap(dovecot, "alice", "wrong") == "wrong"
    wait_until(lambda: dovecot.record(fresh_host), "the record")
    text = dovecot.doveadm_raw("-f", "json", "warden", "status").stdout
    values = []

    def collect(value):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (dict, list)):
                collect(item)
            else:
                values.append(item)
    collect(json.loads(text))
    assert [value for value in values if isinstance(value, int)] != []
    assert not [value for value in values
                if isinstance(value, str) and value.isdigit()]


def test_status_tells_what_an_admin_asks(dovecot, fresh_host):
    assert fresh_host.guess(dovecot, 5) == ["wrong"] * 5
    wait_until(lambda: dovecot.why(fresh_host)["points"] > 45, "the points")
    with sessions(dovecot, fresh_host, 2):
        text = dovecot.status()
        for word in ("enforce", "sessions", "blocked", "hour", "minute",
                     "login_plugins", "passdb", "service", "/etc/hosts.deny"):
            assert word in text, word
        assert fresh_host.address in text    # among the top ten


def test_login_plugins_of_two_plugins(new_dovecot):
    """As 2.3 writes it; 2.4 takes the variable for a plugin."""
    dovecot = new_dovecot()
    dovecot.extra += "login_plugins = $login_plugins warden\n"
    dovecot.configure()
    problem = dovecot.problems().get("login_plugins", "")
    assert ("$login_plugins" in problem) == (not IS_2_3)


def test_why_explains_a_block(dovecot, fresh_host):
    fresh_host.guess(dovecot, 10, at_once=5)
    dovecot.wait_blocked(fresh_host)
    text = dovecot.doveadm_raw("warden", "why", fresh_host.address).stdout
    assert "auth_failed" in text
    assert re.search(RFC_3339, text)


def test_why_tells_what_happened_last(dovecot, fresh_host):
    """A customer on the phone: he got in, then he mistyped, and tried again
    with the same."""
    assert fresh_host.try_pop3(dovecot, "alice", "alice-secret") == IN
    for _ in range(2):
        assert fresh_host.try_imap(dovecot, "alice", "mistyped") == "wrong"
    wait_until(lambda: dovecot.why(fresh_host)["events"].count(";") == 2,
               "three events")
    events = dovecot.why(fresh_host)["events"].split("; ")
    assert [re.sub(r" [0-9]+ \S+ ago", "", event) for event in events] == [
        "auth_failed by imap, 0 points", "auth_failed by imap, 10 points",
        "login by pop3, 0 points"]
    text = dovecot.doveadm_raw("warden", "why", fresh_host.address).stdout
    assert "login by pop3" in text


def test_why_says_that_nothing_is_known(dovecot):
    said = dovecot.doveadm_raw("warden", "why", "203.0.113.77")
    assert said.returncode == 0
    assert "203.0.113.77" in said.stdout + said.stderr


def test_looking_changes_nothing(dovecot):
    before = dovecot.doveadm("list", "--all")
    dovecot.doveadm_raw("warden", "why", "203.0.113.78")
    dovecot.status()
    assert {record["host"] for record in dovecot.doveadm("list", "--all")} == {
        record["host"] for record in before}


@every_model
def test_unblock_holds_at_the_next_accept(new_dovecot, attacker, login):
    dovecot = new_dovecot(login=login)
    for _ in range(5):
        dovecot.doveadm("block", attacker.address)
        assert attacker.is_refused(dovecot)
        assert attacker.is_refused(dovecot, "pop3")
        dovecot.doveadm("unblock", attacker.address)
        assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
        assert attacker.try_pop3(dovecot, "alice", "alice-secret") == IN


@every_model
def test_network_is_blocked_and_unblocked(new_dovecot, attacker, login):
    dovecot = new_dovecot(login=login)
    neighbour, stranger = Host("127.0.0.70"), Host("127.0.0.130")
    dovecot.doveadm("block", "127.0.0.64/26", "forever")
    record = dovecot.blocked()["127.0.0.64/26"]
    assert record["blocked_until"] == "forever"
    for host in (attacker, neighbour):
        assert host.is_refused(dovecot)
        assert host.is_refused(dovecot, "pop3")
    assert stranger.try_imap(dovecot, "alice", "alice-secret") == IN
    dovecot.doveadm("unblock", "127.0.0.64/26")
    for host in (attacker, neighbour):
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN


def test_exempt_hosts_are_let_in_from_a_blocked_network(new_dovecot):
    dovecot = new_dovecot()
    dovecot.doveadm("block", "127.0.0.0/24")
    assert Host("127.0.0.1").try_imap(dovecot, "alice", "alice-secret") == IN
    assert Host("127.0.0.2").is_refused(dovecot)


def test_block_for_a_time_ends(new_dovecot, attacker):
    dovecot = new_dovecot()
    dovecot.doveadm("block", attacker.address, "3 s")
    assert attacker.is_refused(dovecot)
    wait_until(lambda: attacker.try_imap(dovecot, "alice", "alice-secret")
               == IN, "the block to end")


def test_unblock_all(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    dovecot.doveadm("block", "127.0.0.70")
    dovecot.doveadm("block", "192.0.2.0/24")
    assert len(dovecot.blocked()) == 3
    dovecot.doveadm("unblock", "--all")
    assert dovecot.blocked() == {}
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_unblock_forgives_the_points(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    dovecot.doveadm("unblock", attacker.address)
    attacker.guess(dovecot, 1, start=5)
    assert dovecot.blocked() == {}


@pytest.mark.parametrize("words, code", [
    (("block", "127.0.0.300"), EX_USAGE),
    (("block", "mail.example.org"), EX_USAGE),
    (("block", "0.0.0.0/0"), EX_USAGE),
    (("block", "203.0.113.1", "soon"), EX_USAGE),
    (("block", "203.0.113.1", "0"), EX_USAGE),
    (("block",), EX_USAGE),
    (("unblock", "127.0.0.300"), EX_USAGE),
    (("unblock",), EX_USAGE),
    (("unblock", "203.0.113.1"), 68),
    (("why", "127.0.0"), EX_USAGE),
    (("why",), EX_USAGE),
    (("list", "--blocked", "--all"), EX_USAGE),
    (("setup", "--remove", "--daemons", "sshd"), EX_USAGE),
])
def test_mistake_is_one_line_and_changes_nothing(dovecot, words, code):
    before = dovecot.blocked().keys()
    said = dovecot.doveadm_raw("warden", *words)
    assert said.returncode == code
    assert len((said.stdout + said.stderr).strip().splitlines()) == 1
    assert dovecot.blocked().keys() == before


@pytest.mark.parametrize("words", [
    ("status",), ("list",), ("why", "203.0.113.1"), ("block", "203.0.113.1"),
    ("unblock", "--all"), ("setup",)])
def test_not_root_is_one_line(dovecot, words):
    said = dovecot.sandbox.run(
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        "doveadm", "-c", "/run/e2e/dovecot.conf",
        # doveadm itself complains if it may not tell its statistics
        "-o", "stats_writer_socket_path=", "warden", *words, check=False)
    assert said.returncode == EX_NOPERM, said.stderr
    assert len((said.stdout + said.stderr).strip().splitlines()) == 1
    assert "root" in said.stderr


@pytest.mark.parametrize("words", [
    ("status",), ("list",), ("why", "203.0.113.1"), ("block", "203.0.113.1"),
    ("unblock", "--all")])
def test_no_table_is_one_line(new_dovecot, words):
    dovecot = new_dovecot(start=False)
    dovecot.configure()
    said = dovecot.doveadm_raw("warden", *words)
    assert said.returncode == EX_TEMPFAIL, said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    if words[0] != "status":    # which goes on to say what else is wrong
        assert said.stdout == ""
    assert not dovecot.sandbox.path("/run/dovecot/warden").exists()


def test_block_by_hand_is_told_in_words(dovecot, fresh_host):
    said = dovecot.doveadm_raw("warden", "block", fresh_host.address, "2",
                               "h")
    assert said.returncode == 0
    assert fresh_host.address in said.stdout
    assert fresh_host.try_imap(dovecot, "alice", "alice-secret") == REFUSED
