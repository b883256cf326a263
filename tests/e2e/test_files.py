# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Each shared file is missing, cut short, of another version, or noise: mail
goes on, and the service puts it right."""

import contextlib
import os
import random
import signal
import struct

import pytest

from clients import IN, REFUSED, WRONG
from dovecot import WARDEN_DIR
from waiting import wait_until

NAMES = ("policy", "hosts", "auth")


def remove(path):
    path.unlink()


def empty(path):
    replace(path, b"")


def cut_short(path):
    replace(path, path.read_bytes()[:4096])


def cut_last_byte(path):
    replace(path, path.read_bytes()[:-1])


def other_version(path):
    content = bytearray(path.read_bytes())
    # magic, then the version of the layout
    content[8:12] = struct.pack("=I", 9999)
    replace(path, bytes(content))


def other_boot(path):
    content = bytearray(path.read_bytes())
    content[24:40] = bytes(16)
    replace(path, bytes(content))


def noise(path):
    replace(path, random.Random(path.name).randbytes(path.stat().st_size))


def noise_after_header(path):
    content = path.read_bytes()
    replace(path, content[:128]
            + random.Random(path.name).randbytes(len(content) - 128))


def directory(path):
    path.unlink()
    path.mkdir()


def replace(path, content):
    """A new file: those who have the old one mapped keep it."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.chmod(0o600)
    os.rename(new, path)


DAMAGES = (remove, empty, cut_short, cut_last_byte, other_version, other_boot,
           noise, noise_after_header, directory)
DAMAGES_WHILE_IT_RUNS = (remove, cut_short, other_version, noise,
                         noise_after_header, directory)
every_damage = pytest.mark.parametrize("damage", DAMAGES,
                                       ids=[d.__name__ for d in DAMAGES])
every_file = pytest.mark.parametrize("name", NAMES)


def assert_guarded(dovecot, attacker):
    """It does its work: counts, blocks, refuses, forgives."""
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert dovecot.doveadm_raw("warden", "unblock",
                               attacker.address).returncode == 0
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


@every_file
@every_damage
def test_damaged_while_dovecot_was_down(new_dovecot, attacker, innocent, name,
                                        damage):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    kill_all(dovecot)
    damage(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"))
    if damage is directory:
        # Nothing of ours to put right: but mail goes on.
        dovecot.start(wait_for_warden=False)
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
        assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
        return
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    if damage is noise_after_header and name == "hosts":
        return    # blocks and failures of hosts that nobody can tell apart
    assert_guarded(dovecot, attacker)


def kill_all(dovecot):
    """A stop takes a second; these many tests do not have it."""
    for pid in dovecot.all_processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    dovecot.master.wait()
    dovecot.master.stderr.close()
    wait_until(lambda: not dovecot.all_processes(), "all to be gone")
    dovecot.sandbox.path("/run/dovecot/master.pid").unlink(missing_ok=True)


@every_file
@pytest.mark.parametrize("damage", DAMAGES_WHILE_IT_RUNS,
                         ids=[d.__name__ for d in DAMAGES_WHILE_IT_RUNS])
def test_damaged_while_dovecot_runs(new_dovecot, innocent, name, damage):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    damage(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"))
    # Login processes and auth that start now meet it.
    dovecot.kill("auth")
    wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
               == IN, "mail to go on")
    # Auth starts anew once more when the service has put things right, and
    # who asks it in that very moment has to ask again.
    for _ in range(3):
        wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
                   == IN, "a login by IMAP")
        wait_until(lambda: innocent.try_pop3(dovecot, "bob", "bob-secret",
                                             tls=True) == IN,
                   "a login by POP3")
    assert innocent.try_imap(dovecot, "alice", "wrong") == WRONG


@every_file
def test_repaired_by_a_service_that_starts_while_dovecot_runs(
        new_dovecot, attacker, name):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    noise(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"))
    old = dovecot.kill("warden")
    wait_until(lambda: dovecot.processes("warden") not in ([], old),
               "a new service", 20)
    dovecot.wait_for_service()

    def refused_again():
        attacker.guess(dovecot, 2)
        return attacker.address in dovecot.blocked() and \
            attacker.is_refused(dovecot)
    dovecot.kill("auth")
    wait_until(refused_again, "the guard to work again", 20)


def test_directory_missing_while_dovecot_runs(new_dovecot, innocent):
    dovecot = new_dovecot()
    path = dovecot.sandbox.path(WARDEN_DIR)
    path.rename(path.with_name("warden-gone"))
    for _ in range(3):
        assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_directory_is_a_file(new_dovecot, innocent):
    dovecot = new_dovecot(start=False)
    base = dovecot.sandbox.path("/run/dovecot")
    base.mkdir(mode=0o755)
    (base / "warden").write_text("not a directory\n")
    dovecot.start(wait_for_warden=False)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: dovecot.log_lines("(?i)warden"),
               "somebody to say what is wrong")


def test_fault_of_the_table_is_not_logged_per_connection(new_dovecot,
                                                         innocent):
    dovecot = new_dovecot(start=False)
    base = dovecot.sandbox.path("/run/dovecot")
    base.mkdir(mode=0o755)
    (base / "warden").write_text("not a directory\n")
    dovecot.start(wait_for_warden=False)
    innocent.try_imap(dovecot, "alice", "alice-secret")
    for _ in range(20):
        innocent.greeting(dovecot)
    assert dovecot.log_lines("-login: .*[Ww]arden") == []
