# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""One fault a test. During it and after it honest people log in, at most one
line is about it, `status` names it where it lasts, and when it is mended the
blocks, the deny file and the state are right again.

ENOSPC at each single write: tests/unit/test-full-disk.c. Damage to each of the
shared files: test_files.py."""

import os
import pwd
import random
import re
import shutil
import signal
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import IN, REFUSED, WRONG, Host
from dovecot import BASE_DIR, DENY_FILE, STATE_DIR, WARDEN_DIR
from test_files import assert_guarded
from waiting import holds_for, wait_until

SETTINGS = {"fail_limit": "20"}
NAMES = ("policy", "hosts", "auth")
OTHER = "203.0.113.9"
HOUR = 3600


def assert_mail_goes_on(dovecot, innocent):
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret", tls=True) == IN
    assert innocent.try_imap(dovecot, "alice", "not-hers") == WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def block(dovecot, attacker):
    """He guesses until he is blocked; returns his record."""
    attacker.guess(dovecot, 2)
    return dovecot.wait_blocked(attacker)


def assert_in_force(dovecot, attacker, record):
    """The block is what it was, here and for the other daemons."""
    now = dovecot.wait_blocked(attacker)
    assert abs(now["seconds_left"] - record["seconds_left"]) < 120
    assert now["reason"] == record["reason"]
    assert now["offences"] == record["offences"]
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    wait_until(lambda: attacker.address in (dovecot.deny_file() or []),
               "the entry in the deny file")


def assert_said_once(dovecot, pattern):
    """By now; the log has a process of its own."""
    wait_until(lambda: dovecot.log_lines(pattern), f"a line: {pattern}")
    assert len(dovecot.log_lines(pattern)) == 1


def assert_sound(dovecot):
    """Nothing is wrong but what these tests never set up."""
    wait_until(lambda: set(dovecot.problems()) <= {"hosts_deny"},
               "status to have no more to say")
    # signal 9 is one of ours; the other is Dovecot's own way of a reload
    assert [line for line in dovecot.log_lines("(?i)panic|fatal|throttl")
            if not re.search("killed with signal 9|reading configuration|"
                             r"returned error 89", line)] == []


def reload(dovecot):
    """Returns when the next service works."""
    old = dovecot.processes("warden")
    dovecot.doveadm_raw("reload")
    wait_until(lambda: len(dovecot.processes("warden")) == 1
               and dovecot.processes("warden") != old, "the new service", 20)
    wait_until(lambda: "service" not in dovecot.problems(),
               "the new service to work")


def kill_service(dovecot):
    old = dovecot.kill("warden")
    wait_until(lambda: dovecot.processes("warden") not in ([], old),
               "a new service", 20)
    wait_until(lambda: "service" not in dovecot.problems(),
               "the new service to work")


def state_text(dovecot):
    return dovecot.sandbox.path(f"{STATE_DIR}/state").read_text()


def assert_survives_reboot(dovecot, attacker):
    """The state is whole, and there are his block and its end mark."""
    dovecot.stop()
    text = state_text(dovecot)
    assert re.search(rf"^host {attacker.address} block=\d", text, re.M)
    assert re.search(r"^end \d+\n\Z", text, re.M)
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    dovecot.start()
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot)


# --- Disks ------------------------------------------------------------------

class Disk:
    """A small file system over a directory of the sandbox."""

    def __init__(self, sandbox, path, kib, user="root"):
        self.sandbox = sandbox
        self.inside = path
        self.path = sandbox.path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        sandbox.run("mount", "-t", "tmpfs", "-o", f"mode=0755,size={kib}k",
                    "tmpfs", path)
        os.chown(self.path, pwd.getpwnam(user).pw_uid, 0)
        self.filler = self.path / "filler"

    def remount(self, options):
        self.sandbox.run("mount", "-o", f"remount,{options}", self.inside)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass

    def free(self):
        self.filler.unlink()


def test_full_run_at_the_start(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS, start=False)
    # Dovecot itself finds room beside it: 2.4.5 has no configuration without
    disk = Disk(dovecot.sandbox, WARDEN_DIR, 64)
    dovecot.start(wait_for_warden=False)
    attacker.guess(dovecot, 4)
    assert_mail_goes_on(dovecot, innocent)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert_said_once(dovecot, "warden: Error: .*everybody is let in: .*no room")
    # auth says what it does without: once, however often it is asked
    assert len(dovecot.log_lines("no room for")) <= 2
    assert dovecot.log_lines("-login: .*no room") == []
    said = dovecot.doveadm_raw("warden", "status")
    assert said.returncode != 0
    assert "doveadm log errors" in said.stderr
    assert f"{WARDEN_DIR}" in said.stderr
    disk.remount("size=64m")
    dovecot.doveadm_raw("reload")
    dovecot.wait_for_service(20)
    assert_mail_goes_on(dovecot, innocent)
    assert_guarded(dovecot, attacker)
    assert_sound(dovecot)


def test_full_run_while_dovecot_runs(new_dovecot, attacker, innocent):
    """All that the tables will ever need was taken when they were made."""
    dovecot = new_dovecot(settings=SETTINGS, start=False)
    disk = Disk(dovecot.sandbox, BASE_DIR, 64 << 10)
    dovecot.start()
    record = block(dovecot, attacker)
    disk.fill()
    for n in range(100, 110):
        Host(f"127.0.0.{n}").guess(dovecot, 2)
        dovecot.wait_blocked(Host(f"127.0.0.{n}"))
    kill_service(dovecot)
    dovecot.kill("auth")
    dovecot.kill("imap-login")
    wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
               == IN, "mail to go on")
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert dovecot.log_lines("No space|no room") == []
    disk.free()
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def full(disk):
    disk.fill()
    return disk.free


def read_only(disk):
    disk.remount("ro")
    return lambda: disk.remount("rw")


@pytest.mark.parametrize("fault, why", [(full, "No space left on device"),
                                        (read_only, "Read-only file system")])
def test_state_disk_is(new_dovecot, attacker, innocent, fault, why):
    dovecot = new_dovecot(settings=SETTINGS, start=False)
    disk = Disk(dovecot.sandbox, STATE_DIR, 256, "dovecot")
    dovecot.start()
    record = block(dovecot, attacker)
    dovecot.doveadm("block", OTHER)
    wait_until(lambda: len(dovecot.deny_file() or []) == 2, "two entries")
    mend = fault(disk)
    # what begins and what ends is both news for the files
    late = Host("127.0.0.67")
    block(dovecot, late)
    wait_until(lambda: "deny_file" in dovecot.problems(),
               "status to name the fault")
    assert sorted(dovecot.deny_file()) == [attacker.address, OTHER]
    dovecot.doveadm("unblock", OTHER)
    if fault is full:
        # if need be by an empty file, which makes room for a short one and
        # perhaps for the state
        wait_until(lambda: OTHER not in dovecot.deny_file(), "his pardon")
    else:
        wait_until(lambda: "state" in dovecot.problems(),
                   "status to name the fault")
        assert_said_once(dovecot, f"the state is not saved: .*{why}")
    assert_mail_goes_on(dovecot, innocent)
    assert late.is_refused(dovecot) and attacker.is_refused(dovecot)
    holds_for(lambda: len(dovecot.log_lines(
        f"the deny file cannot be written: .*{why}")) == 1
        and len(dovecot.log_lines("the state is not saved")) <= 1,
        "one line for each file", 3, 0.5)
    mend()
    wait_until(lambda: sorted(dovecot.deny_file()) ==
               [attacker.address, late.address], "the deny file to be right")
    wait_until(lambda: "deny_file" not in dovecot.problems(),
               "status to say so")
    # the state is tried every half minute; at a reload at once
    reload(dovecot)
    assert OTHER not in state_text(dovecot)
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_full_state_disk_and_the_deny_file_elsewhere(new_dovecot, attacker,
                                                     innocent):
    where = "/run/elsewhere/hosts.deny"
    dovecot = new_dovecot(settings={**SETTINGS, "hosts_deny_file": where},
                          start=False)
    disk = Disk(dovecot.sandbox, STATE_DIR, 256, "dovecot")
    dovecot.start()
    deny_file = dovecot.sandbox.path(where)
    record = block(dovecot, attacker)
    dovecot.doveadm("block", OTHER)
    disk.fill()
    # saved at once, or a kill would bring him back
    wait_until(lambda: OTHER in deny_file.read_text(), "the entry")
    dovecot.doveadm("unblock", OTHER)
    wait_until(lambda: "state" in dovecot.problems(),
               "status to name the fault")
    assert_said_once(dovecot, "the state is not saved: .*No space left")
    assert "deny_file" not in dovecot.problems()
    assert_mail_goes_on(dovecot, innocent)
    assert attacker.is_refused(dovecot)
    assert deny_file.read_text() == f"{attacker.address}\n"
    disk.free()
    reload(dovecot)
    assert dovecot.wait_blocked(attacker)["offences"] == record["offences"]
    assert_mail_goes_on(dovecot, innocent)
    assert_said_once(dovecot, "the state is not saved")
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


@pytest.mark.parametrize("fault", [full, read_only])
def test_state_disk_at_the_start_is(new_dovecot, attacker, innocent, fault):
    """What was saved is in force, what is new is in force as well."""
    dovecot = new_dovecot(settings=SETTINGS, start=False)
    disk = Disk(dovecot.sandbox, STATE_DIR, 256, "dovecot")
    dovecot.start()
    record = block(dovecot, attacker)
    dovecot.stop()
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    mend = fault(disk)
    dovecot.start()
    assert dovecot.wait_blocked(attacker)["offences"] == 1
    assert attacker.is_refused(dovecot)
    assert_mail_goes_on(dovecot, innocent)
    wait_until(lambda: "deny_file" in dovecot.problems(),
               "status to name the fault")
    assert_said_once(dovecot, "the deny file cannot be written")
    mend()
    assert_in_force(dovecot, attacker, record)
    reload(dovecot)
    assert_in_force(dovecot, attacker, record)
    assert_mail_goes_on(dovecot, innocent)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


# --- Directories ------------------------------------------------------------

def test_directory_of_the_deny_file_is_removed(new_dovecot, attacker,
                                               innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    wait_until(lambda: dovecot.deny_file() == [attacker.address], "the entry")
    shutil.rmtree(dovecot.sandbox.path(STATE_DIR))
    wait_until(lambda: "deny_file" in dovecot.problems(),
               "status to name the fault")
    assert_mail_goes_on(dovecot, innocent)
    assert attacker.is_refused(dovecot)
    line = f"the deny file cannot be written: .*{STATE_DIR}"
    assert_said_once(dovecot, line)
    holds_for(lambda: len(dovecot.log_lines(line)) == 1, "one line", 2, 0.5)
    reload(dovecot)
    assert_in_force(dovecot, attacker, record)
    assert_mail_goes_on(dovecot, innocent)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_directory_of_the_deny_file_cannot_be_made(new_dovecot, attacker,
                                                   innocent):
    where = "/run/nowhere/deny"
    dovecot = new_dovecot(settings={
        **SETTINGS, "hosts_deny_file": f"{where}/hosts.deny"})
    record = block(dovecot, attacker)
    assert where in dovecot.problems()["deny_file"]
    assert "state" not in dovecot.problems()
    assert_mail_goes_on(dovecot, innocent)
    assert attacker.is_refused(dovecot)
    assert_said_once(dovecot, f"Error: .*{where}")
    dovecot.sandbox.path("/run/nowhere").mkdir(mode=0o755)
    reload(dovecot)
    path = dovecot.sandbox.path(f"{where}/hosts.deny")
    wait_until(lambda: path.exists()
               and path.read_text() == f"{attacker.address}\n", "the entry")
    assert dovecot.wait_blocked(attacker)["offences"] == record["offences"]
    assert_mail_goes_on(dovecot, innocent)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_wrong_owner_of_the_state_directory(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS, start=False)
    path = dovecot.sandbox.path(STATE_DIR)
    path.mkdir(mode=0o755)
    dovecot.start()
    block(dovecot, attacker)
    assert {"deny_file", "state"} <= set(dovecot.problems())
    assert_mail_goes_on(dovecot, innocent)
    assert attacker.is_refused(dovecot)
    assert_said_once(dovecot, "Error: .*belongs to user 0")
    assert list(path.iterdir()) == []
    os.chown(path, pwd.getpwnam("dovecot").pw_uid, 0)
    record = dovecot.wait_blocked(attacker)
    reload(dovecot)
    assert_in_force(dovecot, attacker, record)
    assert_mail_goes_on(dovecot, innocent)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_wrong_owner_of_the_shared_files(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    dovecot.stop()
    for name in NAMES:
        os.chown(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"), 65534, 65534)
    dovecot.start()
    # made anew, and filled from the state
    for name in NAMES:
        found = dovecot.sandbox.path(f"{WARDEN_DIR}/{name}").stat()
        assert (found.st_uid, found.st_mode & 0o7777) == (0, 0o600)
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert len(dovecot.log_lines("owned by another user")) <= 1
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


# --- Clocks and boots -------------------------------------------------------

def shift_state(dovecot, secs):
    """As if the clock had been set by -secs since it was written."""
    path = dovecot.sandbox.path(f"{STATE_DIR}/state")
    path.write_text(re.sub(
        r"((?:saved |block=|login=|since=))(\d+)",
        lambda found: found[1] + str(int(found[2]) + secs), path.read_text()))


@pytest.mark.parametrize("secs", [HOUR, -HOUR])
def test_clock_set_by_an_hour(new_dovecot, attacker, innocent, secs):
    """The table does not run by that clock."""
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    dovecot.stop()
    shift_state(dovecot, secs)
    dovecot.start()
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert dovecot.log_lines("the clock") == []
    assert_sound(dovecot)
    # and the file has the right times again
    dovecot.stop()
    saved = int(re.search(r"^saved (\d+)$", state_text(dovecot), re.M)[1])
    until = int(re.search(r" block=(\d+)", state_text(dovecot))[1])
    assert abs(saved - time.time()) < 300
    # whole seconds both, and perhaps not one has passed
    assert 0 < until - saved <= 30 * 60 + 1


@pytest.mark.parametrize("block_time, secs, blocked",
                         [("30 min", HOUR, True), ("30 min", -HOUR, False),
                          ("3 h", -HOUR, True)])
def test_clock_set_by_an_hour_and_a_reboot(new_dovecot, attacker, innocent,
                                           block_time, secs, blocked):
    """Set back, the saved times are of the future: no block gets longer by
    it. Set forward, an hour has passed, and what ended by then has ended."""
    dovecot = new_dovecot(settings={**SETTINGS, "block_time": block_time})
    record = block(dovecot, attacker)
    dovecot.stop()
    shift_state(dovecot, secs)
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    dovecot.start()
    assert_mail_goes_on(dovecot, innocent)
    assert len(dovecot.log_lines("the clock is behind")) == (secs > 0)
    if blocked:
        left = dovecot.wait_blocked(attacker)["seconds_left"]
        expected = record["seconds_left"] + min(secs, 0)
        assert expected - 120 < left <= expected + 1
        assert attacker.is_refused(dovecot)
    else:
        assert dovecot.blocked() == {}
        assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
    assert_sound(dovecot)


def test_reboot_with_files_of_the_boot_before(new_dovecot, attacker,
                                              innocent):
    """/run need not be empty after a boot, and warden time has begun anew."""
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    dovecot.doveadm("block", OTHER, "forever")
    old = dovecot.sandbox.path(f"{WARDEN_DIR}/policy").read_bytes()[24:40]
    dovecot.stop()
    dovecot.sandbox.reboot()
    dovecot.start()
    new = dovecot.sandbox.path(f"{WARDEN_DIR}/policy").read_bytes()[24:40]
    assert new != old
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert dovecot.blocked()[OTHER]["blocked_until"] == "forever"
    assert dovecot.log_lines("Error: |Warning: .*warden") == []
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


# --- The service ------------------------------------------------------------

def age_heartbeat(dovecot, secs):
    """The service was last heard so long ago."""
    with open(dovecot.sandbox.path(f"{WARDEN_DIR}/policy"), "r+b",
              buffering=0) as policy:
        policy.seek(128)
        msecs, = struct.unpack("=Q", policy.read(8))
        policy.seek(128)
        policy.write(struct.pack("=Q", msecs - secs * 1000))


def test_service_stopped_for_an_hour_and_back(new_dovecot, attacker,
                                              innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    pid, = dovecot.processes("warden")
    os.kill(pid, signal.SIGSTOP)
    try:
        age_heartbeat(dovecot, HOUR)
        assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN
        assert_mail_goes_on(dovecot, innocent)
        problems = dovecot.problems()
        assert "silent for 1 h" in problems["service"]
        assert "nobody is refused" in problems["policy"]
        # who guesses now is counted and let in
        late = Host("127.0.0.67")
        late.guess(dovecot, 6)
        assert late.try_imap(dovecot, "alice", "alice-secret") == IN
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "service" not in dovecot.problems(),
               "the service to be heard")
    assert dovecot.processes("warden") == [pid]
    wait_until(lambda: attacker.is_refused(dovecot), "the block")
    assert_in_force(dovecot, attacker, record)
    assert_mail_goes_on(dovecot, innocent)
    assert dovecot.log_lines("warden: (Error|Warning)") == []
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_reload_while_under_attack(new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    others = [Host(f"127.0.0.{n}") for n in range(100, 104)]
    going_on = True

    def attack(host):
        tried = 0
        while going_on:
            host.try_imap(dovecot, "alice", f"guess-{tried}")
            tried += 1
        return tried
    with ThreadPoolExecutor(5) as pool:
        attacks = [pool.submit(attack, host) for host in [attacker, *others]]
        try:
            for _ in range(4):
                reload(dovecot)
                # the first one after a reload may still meet the old auth
                wait_until(lambda: innocent.try_imap(
                    dovecot, "alice", "alice-secret") == IN, "mail", 20)
                assert_mail_goes_on(dovecot, innocent)
        finally:
            going_on = False
        assert all(each.result() > 0 for each in attacks)
    for host in others:
        dovecot.wait_blocked(host)
    assert_in_force(dovecot, attacker, record)
    wait_until(lambda: sorted(dovecot.deny_file() or []) == sorted(
        host.address for host in [attacker, *others]), "all five entries")
    for host in [attacker, *others]:
        assert len(dovecot.log_lines(
            rf"warden: Info: blocked {host.address} until ")) <= 1
    assert dovecot.log_lines("warden: (Error|Warning)") == []
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


# --- Two Dovecots -----------------------------------------------------------

def second_of(new_dovecot, dovecot, settings):
    return new_dovecot(dovecot.sandbox, number=2, listen="127.0.0.1",
                       settings={**SETTINGS, **settings})


def test_two_dovecots_know_nothing_of_each_other(new_dovecot, attacker,
                                                 innocent):
    first = new_dovecot(settings=SETTINGS)
    where = "/var/lib/dovecot/warden-2"
    second = second_of(new_dovecot, first, {
        "state_dir": where, "hosts_deny_file": f"{where}/hosts.deny"})
    late = Host("127.0.0.67")
    record = block(first, attacker)
    block(second, late)
    assert set(first.blocked()) == {attacker.address}
    assert set(second.blocked()) == {late.address}
    for dovecot, host in ((first, late), (second, attacker)):
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN
    path = second.sandbox.path(f"{where}/hosts.deny")
    wait_until(lambda: path.read_text() == f"{late.address}\n", "its entry")
    assert_in_force(first, attacker, record)
    for dovecot in (first, second):
        assert_mail_goes_on(dovecot, innocent)
        assert dovecot.log_lines("warden: (Error|Warning)") == []
        assert_sound(dovecot)
    second.stop()
    assert path.read_text() == ""
    assert_in_force(first, attacker, record)
    assert_mail_goes_on(first, innocent)
    assert_survives_reboot(first, attacker)


def test_two_dovecots_with_one_state_directory(new_dovecot, attacker,
                                               innocent):
    """The second one guards its mail, leaves the files alone, and says so. It
    takes them over when the first one ends."""
    first = new_dovecot(settings=SETTINGS)
    record = block(first, attacker)
    wait_until(lambda: first.deny_file() == [attacker.address], "the entry")
    second = second_of(new_dovecot, first, {})
    late = Host("127.0.0.67")
    block(second, late)
    wait_until(lambda: "deny_file" in second.problems(),
               "status to name the fault")
    assert late.is_refused(second)
    line = "deny file cannot be written: another Dovecot keeps"
    assert_said_once(second, line)
    holds_for(lambda: len(second.log_lines(line)) == 1, "one line", 2, 0.5)
    for dovecot in (first, second):
        assert_mail_goes_on(dovecot, innocent)
    assert_in_force(first, attacker, record)
    assert first.deny_file() == [attacker.address]
    assert_sound(first)
    # a reload of the first is no chance for the second to lose anything
    reload(first)
    wait_until(lambda: attacker.address in first.deny_file(), "the entry")
    first.stop()
    # once it has found them free for some seconds
    wait_until(lambda: late.address in second.deny_file(), "the second's",
               20)
    wait_until(lambda: "deny_file" not in second.problems(),
               "status to say so")
    assert_mail_goes_on(second, innocent)
    assert late.is_refused(second)
    second.stop()
    assert second.deny_file() == []


# --- Upgrades ---------------------------------------------------------------

# no version has this one, nor will have for long
OTHER_LAYOUT = 9999


def set_layout(dovecot, layout):
    for name in NAMES:
        with open(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"), "r+b") as file:
            file.seek(8)
            file.write(struct.pack("=I", layout))
            if layout == 0:
                # and all that comes after it meant something else
                file.seek(40)
                file.write(random.Random(name).randbytes(100000))


@pytest.mark.parametrize("layout", [0, OTHER_LAYOUT])
def test_upgrade_from_another_layout(new_dovecot, attacker, innocent, layout):
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    dovecot.stop()
    set_layout(dovecot, layout)
    dovecot.start()
    # from the state, which has a version of its own
    assert_mail_goes_on(dovecot, innocent)
    assert_in_force(dovecot, attacker, record)
    assert len(dovecot.log_lines("layout")) <= 1
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


def test_upgrade_while_old_processes_serve(new_dovecot, attacker, innocent):
    """The service and doveadm are new, login processes and auth still have the
    old files."""
    dovecot = new_dovecot(settings=SETTINGS)
    record = block(dovecot, attacker)
    dovecot.doveadm_raw("reload")
    set_layout(dovecot, OTHER_LAYOUT)
    reload(dovecot)
    wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
               == IN, "mail", 20)
    assert_mail_goes_on(dovecot, innocent)
    wait_until(lambda: attacker.is_refused(dovecot), "the block")
    assert_in_force(dovecot, attacker, record)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)


@pytest.mark.parametrize("version", ["0", "2"])
def test_upgrade_from_another_version_of_the_state(new_dovecot, attacker,
                                                   innocent, version):
    dovecot = new_dovecot(settings=SETTINGS)
    block(dovecot, attacker)
    dovecot.stop()
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    path = dovecot.sandbox.path(f"{STATE_DIR}/state")
    path.write_text(path.read_text().replace("state 1\n",
                                             f"state {version}\n", 1))
    dovecot.start()
    assert dovecot.blocked() == {}
    assert not attacker.is_refused(dovecot)
    assert_mail_goes_on(dovecot, innocent)
    assert_said_once(dovecot, "another version of dovecot-warden")
    assert "state.bad" in dovecot.problems()["state"]
    # nothing is thrown away
    assert attacker.address in dovecot.sandbox.path(
        f"{STATE_DIR}/state.bad").read_text()
    record = block(dovecot, attacker)
    reload(dovecot)
    assert_in_force(dovecot, attacker, record)
    assert_sound(dovecot)
    assert_survives_reboot(dovecot, attacker)
