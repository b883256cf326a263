# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""An admin with a typo gets one line, and mail goes on."""

import os
import signal

import pytest

from clients import IN, REFUSED
from dialect import HOME, IS_2_3
from dovecot import STATE_DIR, WARDEN_DIR
from waiting import holds_for, wait_until


MISTAKES = pytest.mark.parametrize("name, value", [
    ("fail_limit", "many"),
    ("fail_limit", "0"),
    ("block_time", "30 parsecs"),
    ("mode", "enforced"),
    ("points", "auth_fialed=10"),
    ("exempt_networks", "127.0.0.1/33"),
    ("session_limit", "-1"),
    ("nonsense", "1"),
])


@pytest.mark.skipif(not IS_2_3, reason="2.4 knows our settings")
@MISTAKES
def test_bad_setting_is_one_line_and_mail_goes_on(new_dovecot, innocent, name,
                                                  value):
    dovecot = new_dovecot(settings={name: value}, start=False)
    dovecot.start(wait_for_warden=False)
    lines = wait_until(lambda: dovecot.log_lines(rf"warden_{name}"),
                       "a line that names the setting")
    assert len(lines) == 1
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    # Nor does the service start over and over to say it again.
    holds_for(lambda: len(dovecot.log_lines(rf"warden_{name}")) == 1,
              "one line", 1.5, 0.5)


@pytest.mark.skipif(IS_2_3, reason="2.3 does not know our settings")
@MISTAKES
def test_bad_setting_is_refused_by_name_in_one_line(new_dovecot, name, value):
    """By doveconf, as a mistake in Dovecot's own settings is."""
    dovecot = new_dovecot(settings={name: value}, start=False)
    dovecot.configure()
    result = dovecot.sandbox.run("doveconf", "-c", f"{HOME}/dovecot.conf",
                                 "-n", check=False)
    assert result.returncode != 0
    # What is only wrong to us is said twice by -n, before and after the list.
    line, = {line[line.index("warden_"):]
             for line in result.stderr.splitlines()}
    assert line.startswith(f"warden_{name}: ")
    assert name == "nonsense" or value.split("=")[0] in line


@pytest.mark.skipif(IS_2_3, reason="2.3 does not know our settings")
def test_doveconf_knows_every_setting(new_dovecot):
    """With the defaults of the README, and what is set is shown."""
    dovecot = new_dovecot(settings={"exempt_networks": "127.0.0.1/32",
                                    "block_time": "45 min"}, start=False)
    dovecot.configure()

    def doveconf(*words):
        return dovecot.sandbox.run("doveconf", "-c", f"{HOME}/dovecot.conf",
                                   *words).stdout
    defaults = {
        "mode": "enforce", "session_limit": "10",
        "session_limit_total": "0", "login_grace": "1 mins",
        "fail_limit": "100", "fail_window": "10 mins", "points": "",
        "block_time": "30 mins", "block_time_max": "1 weeks",
        "known_time": "30 days", "siege_networks": "20",
        "siege_time": "1 hours", "siege_learn": "1 weeks",
        "exempt_networks": "127.0.0.0/8 ::1",
        "ipv4_prefix": "32", "ipv6_prefix": "64", "deny_private": "no",
        "hosts_deny_file": f"{STATE_DIR}/hosts.deny",
        "hosts_allow": "/etc/hosts.allow", "hosts_deny": "/etc/hosts.deny",
        "dns_timeout": "2 secs",
        "state_dir": STATE_DIR, "table_hosts": "131072",
        "nftables": "", "geoip_country": "", "geoip_asn": "",
        "countries_allowed": "", "countries_refused": "",
        "neighbour_factor": "4",
    }
    for name, value in defaults.items():
        assert doveconf("-d", "-h", f"warden_{name}").strip() == value, name
    shown = [line.strip() for line in doveconf("-n").splitlines()
             if "warden_" in line]
    assert shown == ["warden_block_time = 45 min",
                     "warden_exempt_networks = 127.0.0.1/32",
                     "warden_fail_window = 2 h"]


def test_typo_before_a_reload_leaves_the_last_rules_in_force(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings={"fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    old = dovecot.processes("warden")
    dovecot.settings["block_time"] = "soon"
    dovecot.configure()
    os.kill(dovecot.master_pid(), signal.SIGHUP)
    wait_until(lambda: dovecot.log_lines("warden_block_time"), "the line", 20)
    if IS_2_3:
        wait_until(lambda: len(dovecot.processes("warden")) == 1
                   and dovecot.processes("warden") != old,
                   "the new service", 20)
    else:
        # the whole reload is off
        assert dovecot.processes("warden") == old
    assert attacker.is_refused(dovecot)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_empty_deny_file_setting_means_none(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"hosts_deny_file": "",
                                    "fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert dovecot.deny_file() is None


def test_state_directory_can_be_elsewhere(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"state_dir": "/run/elsewhere",
                                    "fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    dovecot.stop()
    assert list(dovecot.sandbox.path("/run/elsewhere").iterdir()) != []
    here = dovecot.sandbox.path(STATE_DIR)
    assert not here.exists() or \
        {path.name for path in here.iterdir()} == {
            "hosts.deny", ".hosts.deny.lock"}


def test_small_table_is_made_and_used(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"table_hosts": "1024",
                                    "fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    hosts = dovecot.sandbox.path(f"{WARDEN_DIR}/hosts")
    assert hosts.stat().st_size < 4 << 20    # eight MiB by default


def test_state_directory_that_cannot_be_used_is_said_once(new_dovecot,
                                                         attacker, innocent):
    dovecot = new_dovecot(settings={"fail_limit": "20"}, start=False)
    dovecot.sandbox.path(STATE_DIR).write_text("not a directory\n")
    dovecot.start()
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    holds_for(lambda: len(dovecot.log_lines(f"Error: .*{STATE_DIR}")) == 1
              and len(dovecot.log_lines(
                  "Error: warden_state_dir and warden_hosts_deny_file: ")) == 1,
              "one line for both settings", 2, 0.5)
