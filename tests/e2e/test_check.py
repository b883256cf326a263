# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What hosts.allow and hosts.deny say of a client, before he comes."""

import json
import re

import pytest

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
DENY_FILE = "/var/lib/dovecot/warden/hosts.deny"
OK, REFUSED, EX_USAGE, EX_DATAERR = 0, 1, 64, 65


@pytest.fixture
def rules(shared_dovecot):
    """Write both files; afterwards they are as they were."""
    paths = [shared_dovecot.sandbox.path(name) for name in (ALLOW, DENY)]
    old = [path.read_bytes() if path.exists() else None for path in paths]

    def write(allow="", deny=""):
        for path, text in zip(paths, (allow, deny)):
            path.write_text(text)
    write()
    yield write
    for path, data in zip(paths, old):
        path.unlink()
        if data is not None:
            path.write_bytes(data)


def check(dovecot, *words):
    """(exit status, fields)."""
    said = dovecot.doveadm_raw("-f", "json", "warden", "check", *words)
    assert said.stderr == ""
    record, = json.loads(said.stdout)
    return said.returncode, record


def test_no_rule_lets_everybody_in(shared_dovecot, rules):
    status, record = check(shared_dovecot, "192.0.2.1")
    assert status == OK
    assert record == {
        "address": "192.0.2.1", "daemon": "imap", "server": "",
        "verdict": "allowed",
        "rules": "allowed", "rules_file": "", "rules_line": 0,
        "name": "", "connection": "let in", "rule": "none",
        "rule_network": "", "nftables": ""}


def test_the_line_that_decides_is_named(shared_dovecot, rules):
    rules("sshd: 192.0.2.1\n", "# all others\n\nsshd: 192.0.2.0/24\n")
    status, record = check(shared_dovecot, "192.0.2.2", "sshd")
    assert (status, record["verdict"]) == (REFUSED, "refused")
    assert (record["rules_file"], record["rules_line"]) == (DENY, 3)
    status, record = check(shared_dovecot, "192.0.2.1", "sshd")
    assert (status, record["verdict"]) == (OK, "allowed")
    assert (record["rules_file"], record["rules_line"]) == (ALLOW, 1)
    assert check(shared_dovecot, "192.0.2.2")[0] == OK
    said = shared_dovecot.doveadm_raw("warden", "check", "192.0.2.2", "sshd")
    assert said.returncode == REFUSED
    assert f"refused by line 3 of {DENY}" in said.stdout


@pytest.mark.parametrize("server, given", [
    ("192.0.2.80", "192.0.2.80"), ("2001:db8::80", "2001:db8::80"),
    ("2001:db8::80", "[2001:db8::80]")])
def test_the_address_of_the_server_decides(shared_dovecot, rules, server,
                                           given):
    pattern = f"[{server}]" if ":" in server else server
    rules(deny=f"imap@{pattern}: 192.0.2.1\n")
    status, record = check(shared_dovecot, "192.0.2.1", f"imap@{given}")
    assert (status, record["daemon"], record["server"]) \
        == (REFUSED, "imap", server)
    assert check(shared_dovecot, "192.0.2.1", "imap@192.0.2.81")[0] == OK
    assert check(shared_dovecot, "192.0.2.1", f"pop3@{given}")[0] == OK
    assert check(shared_dovecot, "192.0.2.1", "imap")[0] == OK
    said = shared_dovecot.doveadm_raw("warden", "check", "192.0.2.1",
                                      f"imap@{given}")
    assert said.stdout.startswith(f"192.0.2.1 to imap@{server}: refused.")


def test_a_name_that_decides_is_looked_up(shared_dovecot, rules):
    shared_dovecot.sandbox.path("/etc/hosts").write_text(
        "192.0.2.1 phone.example.com\n192.0.2.3 liar.example.com\n"
        "192.0.2.4 liar.example.com\n")
    rules("ALL: .example.com\n", "sshd, imap: ALL\n")
    for daemon in ("sshd", "imap"):
        for address, name, expected in (
                ("192.0.2.1", "phone.example.com", OK),
                ("192.0.2.2", "unknown", REFUSED)):
            status, record = check(shared_dovecot, address, daemon)
            assert (status, record["name"]) == (expected, name)
    said = shared_dovecot.doveadm_raw("warden", "check", "192.0.2.1")
    assert re.search("host name +phone.example.com$", said.stdout, re.M)


def test_whom_hosts_allow_means_is_let_in_though_blocked(
        shared_dovecot, fresh_host, rules):
    shared_dovecot.doveadm("block", fresh_host.address)
    rules(f"imap: {fresh_host.address}\npop3: ALL\n")
    status, record = check(shared_dovecot, fresh_host.address)
    assert (status, record["rule"]) == (OK, "manual")
    said = shared_dovecot.doveadm_raw("warden", "check", fresh_host.address)
    assert "hosts.allow means it: exempt" in said.stdout
    assert check(shared_dovecot, fresh_host.address, "pop3")[0] == REFUSED


def test_the_table_refuses_too_and_nothing_is_counted(
        shared_dovecot, fresh_host, rules):
    rules(deny=f"ALL: {DENY_FILE}\n")
    shared_dovecot.doveadm("block", fresh_host.address)
    before = shared_dovecot.why(fresh_host)
    status, record = check(shared_dovecot, fresh_host.address)
    assert (status, record["rules"], record["rule"]) \
        == (REFUSED, "allowed", "manual")
    assert record["connection"] == "refused"
    assert shared_dovecot.why(fresh_host)["refused"] == before["refused"]


def test_a_mistake_is_told_with_its_line(shared_dovecot, rules):
    rules(deny="ALL: 192.0.2.1\nsshd: 192.0.2.2: alow\n")
    said = shared_dovecot.doveadm_raw("warden", "check", "192.0.2.1")
    assert (said.returncode, said.stdout) == (EX_DATAERR, "")
    assert f"{DENY}:2: option 'alow'" in said.stderr


def test_a_command_is_told_and_not_run(shared_dovecot, rules):
    rules("ALL: ALL: spawn touch /tmp/spawned\n")
    said = shared_dovecot.doveadm_raw("warden", "check", "192.0.2.1")
    assert said.returncode == OK
    assert "option 'spawn' is not carried out" in said.stdout
    assert not shared_dovecot.sandbox.path("/tmp/spawned").exists()


@pytest.mark.parametrize("words", [
    (), ("192.0.2.0/24",), ("host",), ("2001:db8::/64",),
    ("192.0.2.1", "imap@host"), ("192.0.2.1", "imap@192.0.2.0/24"),
    ("192.0.2.1", "@192.0.2.80"), ("192.0.2.1", "imap@"), ("192.0.2.1", "")])
def test_only_an_address_is_taken(shared_dovecot, rules, words):
    said = shared_dovecot.doveadm_raw("warden", "check", *words)
    assert (said.returncode, said.stdout) == (EX_USAGE, "")


@pytest.mark.parametrize("formatter", ["flow", "tab", "table", "pager",
                                       "json"])
def test_every_formatter_works(shared_dovecot, rules, formatter):
    said = shared_dovecot.doveadm_raw("-f", formatter, "warden", "check",
                                      "2001:db8::1", "sshd")
    assert (said.returncode, said.stderr) == (OK, "")
    assert "sshd" in said.stdout
