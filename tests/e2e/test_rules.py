# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""hosts.allow and hosts.deny decide about Dovecot's own services, as with
tcp_wrappers: in force within a second of a save, in every process, and never
half."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import IN, Host
from dialect import login_count
from waiting import holds_for, wait_until

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
# a save, at most 1 s until it is in force, and a busy machine
IN_FORCE_SECS = 5


@pytest.fixture(params=[1, None], ids=["process-each", "reused"])
def dovecot(request, new_dovecot):
    return new_dovecot(login=login_count(request.param))


def save(dovecot, path, text):
    """As editors do: another file takes the name."""
    target = dovecot.sandbox.path(path)
    new = target.with_name(target.name + ".new")
    new.write_text(text)
    os.chmod(new, 0o644)
    try:
        os.rename(new, target)
    except OSError:     # the sandbox has mounted something there
        target.write_text(text)
        new.unlink()


def wait_refused(dovecot, host, service="imap"):
    wait_until(lambda: host.is_refused(dovecot, service),
               f"{host} to be refused", IN_FORCE_SECS)


def wait_let_in(dovecot, host, service="imap"):
    wait_until(lambda: not host.is_refused(dovecot, service),
               f"{host} to be let in", IN_FORCE_SECS)


def test_a_line_in_hosts_deny_refuses_and_its_removal_lets_in(
        dovecot, attacker, innocent):
    save(dovecot, DENY, f"imap: {attacker.address}\n")
    wait_refused(dovecot, attacker)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    # another service
    assert attacker.try_pop3(dovecot, "bob", "bob-secret") == IN
    status, = dovecot.doveadm("status")
    assert int(status["refused_rules_hour"]) > 0
    why = dovecot.why(attacker)
    assert why["connection"] == "refused" and why["rule"] == "hosts.deny"
    save(dovecot, DENY, "")
    wait_let_in(dovecot, attacker)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_hosts_allow_comes_first(dovecot, attacker, innocent):
    save(dovecot, ALLOW, f"imap, pop3: {innocent.address}\n")
    save(dovecot, DENY, "ALL: ALL\n")
    wait_refused(dovecot, attacker)
    wait_refused(dovecot, attacker, "submission")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    assert innocent.is_refused(dovecot, "submission")


def test_a_mistake_changes_nothing_and_is_named(dovecot, attacker, innocent):
    save(dovecot, DENY, f"imap: {attacker.address}\n")
    wait_refused(dovecot, attacker)
    # libwrap would refuse everybody
    save(dovecot, DENY, f"imap: {innocent.address}")
    line, = dovecot.wait_log(f"{DENY}:1: .*the rules of before stay in force")
    assert "Error" in line
    holds_for(lambda: attacker.is_refused(dovecot) and innocent.try_imap(
        dovecot, "alice", "alice-secret") == IN, "the rules of before", 1)
    assert "rules" in dovecot.problems()
    save(dovecot, DENY, f"imap: {innocent.address}\n")
    wait_refused(dovecot, innocent)
    wait_let_in(dovecot, attacker)
    assert "rules" not in dovecot.problems()


def test_whom_hosts_allow_means_is_exempt_for_that_service(
        new_dovecot, attacker):
    dovecot = new_dovecot(settings={"fail_limit": "30"})
    save(dovecot, ALLOW, f"imap: {attacker.address}\npop3: ALL\n")
    wait_until(lambda: dovecot.why(attacker)["rule"] == "hosts.allow",
               "the rule")
    attacker.guess(dovecot, 6)
    assert attacker.address not in dovecot.blocked()
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    # ALL means nobody in particular
    for number in range(4):
        attacker.try_pop3(dovecot, "alice", f"guess-{number}")
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot, "pop3")
    # as soon as nobody means him any more
    save(dovecot, ALLOW, "")
    wait_refused(dovecot, attacker)


def test_whom_hosts_allow_means_is_not_in_the_deny_file(
        new_dovecot, attacker):
    """Also when the block was there before the rule, or is an admin's; a
    network that holds somebody who is meant neither."""
    dovecot = new_dovecot()
    for blocked in (attacker.address, "198.51.100.0/24", "203.0.113.7"):
        dovecot.doveadm("block", blocked, "1 h")
    wait_until(lambda: len(dovecot.deny_file()) == 3, "the entries")
    save(dovecot, ALLOW, f"pop3: {attacker.address}\nsshd: 198.51.100.7\n"
         "ALL: ALL\n")
    wait_until(lambda: dovecot.deny_file() == ["203.0.113.7"],
               "the entries to go")
    save(dovecot, ALLOW, "")
    wait_until(lambda: len(dovecot.deny_file()) == 3, "the entries again")


def test_status_and_setup_tell_whom_hosts_allow_exempts(new_dovecot):
    dovecot = new_dovecot()
    save(dovecot, ALLOW, "ALL: ALL\nimap, pop3: 192.0.2.0/24\n")
    status, = dovecot.doveadm("status")
    assert status["check_rules"] == "ok"
    said = dovecot.doveadm_raw("warden", "status").stdout
    assert f'1 line of {ALLOW} exempts clients, 1 like "ALL: ALL" exempts ' \
        "nobody" in said
    connected = "SSH_CONNECTION=198.51.100.7 40000 198.51.100.1 22"

    def setup(*words):
        # Dovecot empties doveadm's environment, not that of its shell
        return dovecot.sandbox.run(
            "env", connected, "sh", "-c", 'doveadm "$@"; :', "sh", "-c",
            f"{dovecot.home}/dovecot.conf", *words).stdout
    said = setup("warden", "setup")
    assert "line 1     ALL: ALL   (means everybody: exempts nobody)" in said
    assert "line 2     imap, pop3: 192.0.2.0/24\n" in said
    assert "you are connected from 198.51.100.7, which nothing exempts" in said
    record, = json.loads(setup("-f", "json", "warden", "setup"))
    assert (record["exempting_lines"], record["own_address_exempt"]) \
        == (1, "no")
    save(dovecot, ALLOW, "sshd: 198.51.100.0/24\n")
    assert "you are connected" not in setup("warden", "setup")
    record, = json.loads(setup("-f", "json", "warden", "setup"))
    assert (record["own_address"], record["own_address_exempt"]) \
        == ("198.51.100.7", "yes")


def test_processes_that_live_long_see_new_rules(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(login=login_count(None))
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    before = dovecot.processes("imap-login")
    save(dovecot, DENY, f"ALL: {attacker.address}\n")
    wait_refused(dovecot, attacker)
    assert set(before) & set(dovecot.processes("imap-login"))


def test_rules_that_outgrow_their_room(new_dovecot, attacker, innocent):
    dovecot = new_dovecot()
    lines = [f"ALL: 198.18.{n // 250}.{n % 250}" for n in range(20000)]
    save(dovecot, DENY, "\n".join([*lines, f"ALL: {attacker.address}", ""]))
    wait_until(lambda: attacker.is_refused(dovecot), "all of the rules", 20)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert len(dovecot.log_lines("need more room")) == 1
    assert dovecot.log_lines("(?i)panic|fatal|Error:") == []


def test_edits_without_end_refuse_nobody_who_is_innocent(
        new_dovecot, attacker, innocent):
    # clients that leave without a word are idle
    dovecot = new_dovecot(login=login_count(None),
                          settings={"points": "idle=0"})
    end = time.monotonic() + 6
    clients = [Host(f"127.0.0.{n}") for n in range(101, 105)]

    def come_and_go(host):
        while time.monotonic() < end:
            assert not host.is_refused(dovecot), host
    with ThreadPoolExecutor(len(clients)) as pool:
        jobs = [pool.submit(come_and_go, host) for host in clients]
        edits = 0
        while time.monotonic() < end:
            save(dovecot, DENY, f"ALL: {attacker.address}\n" * (edits % 50))
            edits += 1
            time.sleep(0.3 if edits % 100 == 0 else 0.001)
        for job in jobs:
            job.result()
    assert edits > 500
    save(dovecot, DENY, f"ALL: {attacker.address}\n")
    wait_refused(dovecot, attacker)


def test_both_files_can_be_switched_off(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"hosts_allow": "", "hosts_deny": ""})
    save(dovecot, DENY, f"ALL: {attacker.address}\n")
    holds_for(lambda: attacker.try_imap(dovecot, "alice", "alice-secret")
              == IN, "the file is ignored", 2)
