# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Dovecot skips a plugin that it does not find, mostly without a word. So
first of all: is every part there, and does it do its work?"""

import os
import subprocess
from pathlib import Path

import pytest

from clients import IN, Host
from dialect import IS_2_3
from dovecot import WARDEN_DIR
from install import doveconf
from waiting import wait_until


def maps(pid, word):
    """The lines of the process's memory map with this word in them."""
    return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
            if word in line]


def only(pids):
    assert len(pids) == 1
    return pids[0]


PARTS = [
    ("login/lib10_warden_plugin.so", "warden_plugin",
     {"init", "deinit", "version"}),
    ("auth/lib20_auth_warden.so", "auth_warden",
     {"init", "deinit", "version"}),
    ("doveadm/lib10_doveadm_warden_plugin.so", "doveadm_warden_plugin",
     {"init", "deinit", "version"}),
]
if not IS_2_3:
    PARTS.append(("settings/libwarden_settings.so", "warden_settings",
                  {"version", "set_infos", "service_settings"}))


@pytest.mark.parametrize("part", [part for part, _, _ in PARTS])
def test_plugin_is_installed_where_dovecot_looks(installed, part):
    modules = Path(doveconf("login_plugin_dir")).parent
    assert str(modules / part) in installed.files()


@pytest.mark.parametrize("part, prefix, names", PARTS)
def test_plugin_has_the_symbols_that_dovecot_asks_for(installed, part, prefix,
                                                      names):
    # Under another name the version would silently not be compared.
    modules = Path(doveconf("login_plugin_dir")).parent
    path = installed.stage / str(modules / part).lstrip("/")
    table = subprocess.run(["nm", "-D", "--defined-only", str(path)],
                           capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[-1] for line in table.splitlines()}
    assert {f"{prefix}_{name}" for name in names} <= symbols


def test_every_part_is_loaded(new_dovecot, attacker):
    dovecot = new_dovecot()
    assert dovecot.log_lines(r"(?i)error|fatal|warning|panic") == []

    # the service, which is not root
    pid = only(dovecot.processes("warden"))
    assert os.stat(f"/proc/{pid}").st_uid != 0

    # the login plugin
    for service in ("imap", "pop3", "submission"):
        with attacker.talk(dovecot, service) as talk:
            assert talk.line() != b""
            pids = dovecot.processes(f"{service}-login")
            assert any(maps(pid, "lib10_warden_plugin.so") for pid in pids)

    # the auth plugin, and in it the passdb driver: auth does not start with
    # one that it does not know
    assert maps(only(dovecot.processes("auth")), "lib20_auth_warden.so")
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN

    # the command, and that the parts see the same table
    assert attacker.guess(dovecot, 1) == ["wrong"]
    wait_until(lambda: attacker.address in dovecot.doveadm_raw(
        "warden", "list", "--all").stdout, "the failure to be listed")


def test_doveadm_knows_its_commands(new_dovecot):
    dovecot = new_dovecot()
    result = dovecot.doveadm_raw("help")
    said = result.stdout + result.stderr
    line, = [line for line in said.splitlines()
             if line.split()[:1] == ["warden"]]
    commands = line.split()[1].split("|")
    assert {"status", "list", "why", "block", "unblock",
            "setup"} <= set(commands)


def test_shared_files_are_for_root_and_login_cannot_write_the_policy(
        new_dovecot, attacker):
    dovecot = new_dovecot()
    for name in ("policy", "hosts", "auth"):
        found = dovecot.sandbox.path(f"{WARDEN_DIR}/{name}").stat()
        assert (found.st_mode & 0o7777, found.st_uid) == (0o600, 0)
    with attacker.talk(dovecot) as talk:
        talk.line()
        pid = dovecot.processes("imap-login")[0]
        policy, = maps(pid, f"{WARDEN_DIR}/policy")
        hosts, = maps(pid, f"{WARDEN_DIR}/hosts")
        assert policy.split()[1] == "r--s"
        assert hosts.split()[1] == "rw-s"
        assert maps(pid, f"{WARDEN_DIR}/auth") == []
        open_files = [os.readlink(f"/proc/{pid}/fd/{fd}")
                      for fd in os.listdir(f"/proc/{pid}/fd")]
        assert not [path for path in open_files if "/warden/" in path]
    auth = only(dovecot.processes("auth"))
    policy, = maps(auth, f"{WARDEN_DIR}/policy")
    assert policy.split()[1] == "r--s"


def test_mail_works_without_any_part(new_dovecot):
    """The harness itself: what these tests see is not Dovecot's own doing."""
    dovecot = new_dovecot(warden=False)
    host = Host("127.0.0.66")
    assert host.guess(dovecot, 12, at_once=12) == ["wrong"] * 12
    assert host.try_imap(dovecot, "alice", "alice-secret") == IN
    assert host.try_pop3(dovecot, "bob", "bob-secret", tls=True) == IN
