# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What Dovecot learns, sshd and vsftpd act upon."""

import os

import pytest

from clients import IN, Host
from dovecot import DENY_FILE
from waiting import holds_for, wait_until
from wrapped import HOSTS_DENY, Sshd, Vsftpd, tcpdmatch

SETTINGS = {"fail_limit": "20"}


def test_a_guesser_at_imap_is_refused_by_sshd_and_vsftpd(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    sandbox = dovecot.sandbox
    daemons = (Sshd(sandbox), Vsftpd(sandbox))
    dovecot.doveadm("setup")

    def others_say(host):
        return {tcpdmatch(sandbox, daemon, host.address)
                for daemon in ("sshd", "vsftpd", "in.telnetd")}
    for daemon in daemons:
        assert daemon.greets(attacker)
        assert daemon.greets(innocent)

    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    wait_until(lambda: others_say(attacker) == {"denied"},
               "the deny file to say so")
    for daemon in daemons:
        assert not daemon.greets(attacker)
        assert daemon.greets(innocent)
    assert others_say(innocent) == {"granted"}
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN

    dovecot.doveadm("unblock", attacker.address)
    wait_until(lambda: others_say(attacker) == {"granted"},
               "the deny file to say so", 2)
    for daemon in daemons:
        assert daemon.greets(attacker)


def test_the_end_of_a_block_reaches_the_file(new_dovecot, attacker):
    dovecot = new_dovecot(settings={**SETTINGS, "block_time": "2 s"})
    attacker.guess(dovecot, 2)
    wait_until(lambda: dovecot.deny_file() == [attacker.address], "the entry")
    wait_until(lambda: dovecot.deny_file() == [], "its end")


def test_file_can_be_read_by_every_daemon(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS)
    attacker.guess(dovecot, 2)
    wait_until(dovecot.deny_file, "the deny file")
    path = dovecot.sandbox.path(DENY_FILE)
    assert path.stat().st_mode & 0o7777 == 0o644
    assert path.parent.stat().st_mode & 0o7777 == 0o755
    # no remains of a replacement
    dovecot.doveadm("unblock", "--all")
    wait_until(lambda: dovecot.deny_file() == [], "the file to be empty")
    assert not list(path.parent.glob(".*.tmp"))


def test_each_kind_of_entry_means_the_same_to_libwrap(new_dovecot):
    dovecot = new_dovecot()
    for what in ("203.0.113.9", "198.51.100.0/24", "2001:db8:1:2::99"):
        dovecot.doveadm("block", what)
    wait_until(lambda: len(dovecot.deny_file() or []) == 3, "three entries")
    dovecot.doveadm("setup")

    def says(address):
        return tcpdmatch(dovecot.sandbox, "sshd", address)
    assert says("203.0.113.9") == "denied"
    assert says("203.0.113.10") == "granted"
    assert says("198.51.100.200") == "denied"
    assert says("198.51.101.1") == "granted"
    assert says("2001:db8:1:2:ffff::1") == "denied"
    assert says("2001:db8:1:3::1") == "granted"


def test_private_networks_are_not_written_unless_set(new_dovecot):
    for setting, expected in ((None, ["203.0.113.9"]),
                              ("yes", ["192.168.3.4", "203.0.113.9"])):
        dovecot = new_dovecot(
            settings={"deny_private": setting} if setting else {})
        dovecot.doveadm("block", "192.168.3.4")
        dovecot.doveadm("block", "203.0.113.9")
        wait_until(lambda: sorted(dovecot.deny_file() or []) == expected,
                   f"exactly {expected}")
        assert set(dovecot.blocked()) == {"192.168.3.4", "203.0.113.9"}


def test_an_exempt_host_is_never_written(new_dovecot):
    dovecot = new_dovecot(settings={
        "exempt_networks": "127.0.0.1/32 203.0.113.0/24"})
    assert dovecot.doveadm_raw("warden", "block",
                               "203.0.113.9").returncode != 0
    dovecot.doveadm("block", "203.0.112.9")
    wait_until(lambda: dovecot.deny_file() == ["203.0.112.9"], "the entry")


def test_many_readers_never_see_a_broken_file(new_dovecot, innocent):
    """libwrap denies everybody when it reads half a file."""
    dovecot = new_dovecot()
    dovecot.doveadm("setup")
    path = dovecot.sandbox.path(DENY_FILE)
    wait_until(path.exists, "the deny file")
    hosts = [f"203.0.113.{n}" for n in range(1, 13)]
    for n, host in enumerate(hosts):
        dovecot.doveadm_raw("warden", "block", host)
        if n % 2:
            dovecot.doveadm_raw("warden", "unblock", hosts[n - 1])
        for _ in range(3):
            content = path.read_bytes()
            assert content == b"" or content.endswith(b"\n")
            assert tcpdmatch(dovecot.sandbox, "sshd",
                             innocent.address) == "granted"


def test_stopped_dovecot_leaves_nobody_shut_out(new_dovecot, attacker):
    """Nobody would ever take him out of the file again. The block itself is
    there when Dovecot is back."""
    dovecot = new_dovecot(settings=SETTINGS)
    attacker.guess(dovecot, 2)
    wait_until(lambda: dovecot.deny_file() == [attacker.address], "the entry")
    dovecot.doveadm("setup")
    dovecot.stop()
    assert dovecot.deny_file() == []
    for address in (attacker.address, "127.0.0.7"):
        assert tcpdmatch(dovecot.sandbox, "sshd", address) == "granted"
    dovecot.start()
    wait_until(lambda: tcpdmatch(dovecot.sandbox, "sshd", attacker.address)
               == "denied", "the entry to be back")


# --- doveadm warden setup ---------------------------------------------------

OLD_RULES = b"# rules of the house\nin.telnetd: ALL\n\nALL: 192.0.2.7\n"


@pytest.fixture
def ruled(new_dovecot):
    dovecot = new_dovecot()
    path = dovecot.sandbox.path(HOSTS_DENY)
    path.write_bytes(OLD_RULES)
    path.chmod(0o640)
    os.chown(path, 0, 8)
    return dovecot, path


def rules(path):
    """The rules with our file in them."""
    return [line for line in path.read_text().splitlines()
            if DENY_FILE in line and not line.startswith("#")]


def test_setup_adds_one_line_and_keeps_all_else(ruled):
    dovecot, path = ruled
    for _ in range(3):
        dovecot.doveadm("setup")
        content = path.read_bytes()
        assert content.startswith(OLD_RULES)
        assert rules(path) == [f"ALL: {DENY_FILE}"]
        found = path.stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (
            0o640, 0, 8)
    assert tcpdmatch(dovecot.sandbox, "sshd", "192.0.2.7") == "denied"
    assert tcpdmatch(dovecot.sandbox, "sshd", "192.0.2.8") == "granted"


def test_setup_remove_restores_every_byte(ruled):
    dovecot, path = ruled
    dovecot.doveadm("setup")
    for _ in range(2):
        dovecot.doveadm("setup", "--remove")
        assert path.read_bytes() == OLD_RULES


def test_setup_narrows_to_daemons(ruled):
    dovecot, path = ruled
    dovecot.doveadm("setup", "--daemons", "sshd vsftpd")
    dovecot.doveadm("block", "203.0.113.9")
    wait_until(lambda: dovecot.deny_file() == ["203.0.113.9"], "the entry")
    for daemon, access in (("sshd", "denied"), ("vsftpd", "denied"),
                           ("in.fingerd", "granted")):
        assert tcpdmatch(dovecot.sandbox, daemon, "203.0.113.9") == access
    dovecot.doveadm("setup")
    assert tcpdmatch(dovecot.sandbox, "in.fingerd",
                     "203.0.113.9") == "denied"
    assert rules(path) == [f"ALL: {DENY_FILE}"]


def test_setup_does_not_touch_a_file_without_final_newline(ruled):
    dovecot, path = ruled
    path.write_bytes(b"ALL: 192.0.2.7")
    said = dovecot.doveadm_raw("warden", "setup")
    assert said.returncode != 0
    assert len(said.stderr.strip().splitlines()) == 1
    assert path.read_bytes() == b"ALL: 192.0.2.7"


def test_setup_makes_a_missing_file(ruled):
    dovecot, path = ruled
    path.unlink()
    dovecot.doveadm("setup")
    assert rules(path) == [f"ALL: {DENY_FILE}"]
    assert path.stat().st_mode & 0o7777 == 0o644


def test_status_tells_whether_the_line_is_there(ruled):
    dovecot, path = ruled
    # or the service, which is not root, cannot read the rules for mail
    path.chmod(0o644)
    wait_until(lambda: "rules" not in dovecot.problems(), "the rules")
    assert HOSTS_DENY in dovecot.problems()["hosts_deny"]
    dovecot.doveadm("setup")
    assert dovecot.problems() == {}


def test_nothing_but_setup_writes_to_etc(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS)
    path = dovecot.sandbox.path(HOSTS_DENY)
    before = path.read_bytes()
    attacker.guess(dovecot, 2)
    wait_until(lambda: dovecot.deny_file() == [attacker.address], "the entry")
    holds_for(lambda: path.read_bytes() == before, "hosts.deny", 0.5)
    assert Host("127.0.0.9").try_imap(dovecot, "bob", "bob-secret") == IN
