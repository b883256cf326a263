# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""sshd and vsftpd where libwrap is gone: PAM refuses for them, and what fails
there counts for mail too."""

import os
import shutil
import socket
from pathlib import Path

import pytest

import netns
from clients import IN, Host
from pammed import (CONTROL, PAM_LINES, PAM_STACK, PASSWORD, USER, PamSshd,
                    PamVsftpd, furnish)
from waiting import wait_until

ATTACKER = "192.0.2.66"
INNOCENT = "192.0.2.7"
METHODS = ("password", "keyboard-interactive", "publickey")


@pytest.fixture
def wire(installed, new_sandbox):
    if not any(name.endswith("/pam_warden.so") for name in installed.files()):
        pytest.skip("built without PAM")
    server, client = new_sandbox(network=True), new_sandbox(network=True)
    netns.connect(server, client, [f"{ATTACKER}/24", f"{INNOCENT}/24"])
    return server, client


@pytest.fixture
def attacker(wire):
    return Host(ATTACKER, wire[1])


@pytest.fixture
def innocent(wire):
    return Host(INNOCENT, wire[1])


@pytest.fixture
def dovecot(wire, new_dovecot):
    return new_dovecot(sandbox=wire[0], address=netns.SERVER_4,
                       settings={"fail_limit": "20"})


@pytest.fixture
def new_sshd(wire):
    def make(**kwargs):
        furnish(wire[0], "sshd", **kwargs)
        sshd = PamSshd(wire[0], netns.SERVER_4)
        sshd.trust_key(wire[1])
        return sshd
    return make


@pytest.fixture
def vsftpd(wire):
    furnish(wire[0], "vsftpd")
    return PamVsftpd(wire[0], netns.SERVER_4)


def block_by_imap(dovecot, attacker):
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)


def test_a_guesser_at_imap_is_refused_by_sshd(dovecot, new_sshd, attacker,
                                              innocent):
    sshd = new_sshd()
    for method in METHODS:
        assert sshd.log_in(attacker, method)
    # whoever has logged in is known and may fail four times as much
    attacker.guess(dovecot, 8)
    dovecot.wait_blocked(attacker)
    # not by libwrap: the connection itself is taken
    assert sshd.greets(attacker)
    for method in METHODS:
        assert not sshd.log_in(attacker, method)
        assert sshd.log_in(innocent, method)
    dovecot.doveadm("unblock", attacker.address)
    for method in METHODS:
        assert sshd.log_in(attacker, method)


@pytest.mark.parametrize("user, count", [("root", 2),
                                         ("nobody-of-that-name", 1)])
def test_wrong_passwords_at_sshd_block_for_imap(dovecot, new_sshd, attacker,
                                                innocent, user, count):
    sshd = new_sshd()
    for n in range(count):
        assert attacker.address not in dovecot.blocked()
        assert not sshd.log_in(attacker, "password", f"guess-{n}", user)
    record = dovecot.wait_blocked(attacker)
    assert record["reason"] == ("auth_failed" if count == 2
                                else "user_unknown")
    assert dovecot.why(attacker)["last_protocol"] == "ssh"
    assert attacker.is_refused(dovecot)
    for method in METHODS:
        assert not sshd.log_in(attacker, method)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_wrong_answers_at_sshd_are_counted_though_its_child_exits(
        dovecot, new_sshd, attacker):
    sshd = new_sshd()
    for n in range(2):
        assert not sshd.log_in(attacker, "keyboard-interactive", f"no-{n}")
    assert float(dovecot.record(attacker)["points"]) > 19
    # no answer beyond the limit is looked at, not even the right one
    assert not sshd.log_in(attacker, "keyboard-interactive")
    assert attacker.address in dovecot.blocked()
    assert attacker.is_refused(dovecot)


def test_a_last_answer_whose_child_exits_blocks_for_mail(
        wire, new_dovecot, new_sshd, attacker, innocent):
    """Nobody comes back to say that it has failed: the service sees it."""
    dovecot = new_dovecot(sandbox=wire[0], address=netns.SERVER_4, settings={
        "fail_limit": "20", "deny_private": "yes"})
    sshd = new_sshd()
    for n in range(2):
        assert attacker.address not in dovecot.blocked()
        assert not sshd.log_in(attacker, "keyboard-interactive", f"no-{n}")
    record = dovecot.wait_blocked(attacker)
    wait_until(lambda: dovecot.deny_file() == [attacker.address], "the entry")
    assert record["reason"] == "auth_failed"
    assert attacker.is_refused(dovecot)
    assert sshd.log_in(innocent, "keyboard-interactive")


def test_the_right_answer_to_the_last_question_is_right(dovecot, new_sshd,
                                                        attacker):
    """The failure before it is settled while it is under way."""
    sshd = new_sshd()
    assert not sshd.log_in(attacker, "keyboard-interactive", "no")
    for n in range(3):
        assert sshd.log_in(attacker, "keyboard-interactive")
    assert attacker.address not in dovecot.blocked()
    assert float(dovecot.record(attacker)["points"]) > 9


def test_logins_at_sshd_count_nothing(dovecot, new_sshd, innocent):
    sshd = new_sshd()
    for method in METHODS * 3:
        assert sshd.log_in(innocent, method)
    record = dovecot.record(innocent)
    assert float(record["points"]) == 0
    assert dovecot.why(innocent)["known"] == "yes"


def test_a_guesser_at_imap_is_refused_by_vsftpd(dovecot, vsftpd, attacker,
                                                innocent):
    assert vsftpd.log_in(innocent) == IN
    block_by_imap(dovecot, attacker)
    assert vsftpd.greets(attacker)
    assert vsftpd.log_in(attacker) != IN
    assert vsftpd.log_in(innocent) == IN
    dovecot.doveadm("unblock", attacker.address)
    assert vsftpd.log_in(attacker) == IN
    assert float(dovecot.record(attacker)["points"]) == 0


def test_wrong_passwords_at_vsftpd_block_for_imap(dovecot, vsftpd, attacker):
    for n in range(2):
        assert vsftpd.log_in(attacker, f"guess-{n}") != IN
    dovecot.wait_blocked(attacker)
    assert dovecot.why(attacker)["last_protocol"] == "ftp"
    assert attacker.is_refused(dovecot)
    assert vsftpd.log_in(attacker) != IN


@pytest.mark.skipif(shutil.which("pamtester") is None,
                    reason="pamtester is not installed")
def test_any_program_that_tells_pam_the_address(dovecot, wire, attacker):
    furnish(wire[0], "some-daemon")

    def ask(password, *operations):
        return wire[0].run(
            "pamtester", "-I", f"rhost={attacker.address}", "some-daemon",
            USER, *operations, check=False, stdin=None,
            input=f"{password}\n").returncode == 0
    assert ask(PASSWORD, "authenticate", "acct_mgmt")
    assert float(dovecot.record(attacker)["points"]) == 0
    # it is known by now
    for n in range(8):
        assert not ask(f"guess-{n}", "authenticate")
    assert dovecot.why(attacker)["last_protocol"] == "other"
    assert attacker.is_refused(dovecot)
    assert not ask(PASSWORD, "authenticate", "acct_mgmt")
    assert not ask(PASSWORD, "acct_mgmt")


@pytest.mark.skipif(shutil.which("pamtester") is None,
                    reason="pamtester is not installed")
def test_whom_hosts_allow_names_for_sshd(wire, new_dovecot, attacker,
                                         innocent):
    """The module never waits for a name: the service looks it up."""
    dovecot = new_dovecot(sandbox=wire[0], address=netns.SERVER_4, start=False,
                          settings={"fail_limit": "20",
                                    "deny_private": "yes",
                                    "dns_timeout": "10 s"})
    wire[0].path("/etc/hosts").write_text(
        f"127.0.0.1 localhost {socket.gethostname()}\n"
        f"{ATTACKER} client.good.example\n"
        f"{INNOCENT} client.bad.example\n")
    rules = wire[0].path("/etc/hosts.allow")
    rules.write_text("sshd: .good.example\n")
    dovecot.start()
    for service in ("sshd", "vsftpd"):
        furnish(wire[0], service)

    def ask(host, service="sshd", password=PASSWORD):
        return wire[0].run(
            "pamtester", "-I", f"rhost={host.address}", service, USER,
            "authenticate", check=False, stdin=None,
            input=f"{password}\n").returncode == 0
    for host in (attacker, innocent):
        block_by_imap(dovecot, host)
    wait_until(lambda: ask(attacker), "the name")
    before = dovecot.why(attacker)
    for n in range(5):
        assert not ask(attacker, password=f"guess-{n}")
    assert ask(attacker)
    after = dovecot.why(attacker)
    for field in ("points", "refused", "last_class", "last_protocol"):
        assert after[field] == before[field]
    assert not ask(innocent)
    # for sshd alone
    assert not ask(attacker, "vsftpd")
    assert attacker.is_refused(dovecot)
    wait_until(lambda: dovecot.deny_file() == [INNOCENT], "the other's entry")
    rules.write_text("vsftpd: .good.example\n")
    wait_until(lambda: ask(attacker, "vsftpd"), "the other rule")
    assert not ask(attacker)
    rules.write_text("")
    wait_until(lambda: not ask(attacker, "vsftpd"), "no rule")
    wait_until(lambda: set(dovecot.deny_file()) == {ATTACKER, INNOCENT},
               "both entries")
    assert dovecot.log_lines("(?i)panic|fatal|warden: error") == []


def test_everybody_gets_in_when_there_is_no_warden(new_sshd, attacker):
    """Dovecot was never started, or is gone for good."""
    sshd = new_sshd()
    for n in range(3):
        assert not sshd.log_in(attacker, "password", f"guess-{n}")
    for method in METHODS:
        assert sshd.log_in(attacker, method)


@pytest.mark.parametrize("options", ["observe", "observe nocount"])
def test_an_observer_lets_the_blocked_in(dovecot, new_sshd, attacker, options):
    sshd = new_sshd(lines="".join(
        f"{line} {options}\n" for line in PAM_LINES.splitlines()))
    block_by_imap(dovecot, attacker)
    for method in METHODS:
        assert sshd.log_in(attacker, method)


def test_another_base_dir_is_another_dovecot(dovecot, new_sshd, attacker):
    sshd = new_sshd(lines="".join(f"{line} base_dir=/run/elsewhere\n"
                                  for line in PAM_LINES.splitlines()))
    block_by_imap(dovecot, attacker)
    assert sshd.log_in(attacker, "password")
    furnish(sshd.sandbox, "sshd", "".join(
        f"{line} base_dir=/run/dovecot\n"
        for line in PAM_LINES.splitlines()))
    assert not sshd.log_in(attacker, "password")


def test_the_lines_before_the_stack_of_this_machine(dovecot, new_sshd,
                                                    attacker, innocent):
    stack = Path("/etc/pam.d/sshd").read_text(encoding="utf-8")
    # no session of the machine's: it wants what a sandbox has not
    stack = "".join(line for line in stack.splitlines(keepends=True)
                    if "session" not in line)
    sshd = new_sshd(stack=stack + PAM_STACK.splitlines()[-1] + "\n")
    block_by_imap(dovecot, attacker)
    for method in METHODS:
        assert not sshd.log_in(attacker, method)
        assert sshd.log_in(innocent, method)


# --- doveadm warden status ----------------------------------------------------

def run_command(dovecot, command):
    """As an admin would, who has but one Dovecot."""
    command = command.replace(
        "doveadm ", f"doveadm -c {dovecot.home}/dovecot.conf ")
    dovecot.sandbox.run("sh", "-c", command)


def offered_command(dovecot):
    """What the self-check names at last; None: there is no problem."""
    record, = dovecot.doveadm("status")
    if record["check_pam"] == "ok":
        return None
    assert record["check_pam"] in dovecot.problems()["pam"]
    return record["check_pam"].split(": ", 2)[2]


AUTH, ACCOUNT = PAM_LINES.splitlines(keepends=True)


@pytest.mark.parametrize("lines", [
    "auth sufficient pam_unix.so nodelay\naccount sufficient pam_unix.so\n"
    + PAM_LINES,
    PAM_LINES.replace(CONTROL, "optional"),
    f"auth {CONTROL} /usr/lib/security/none/pam_warden.so\n"
    f"account {CONTROL} /usr/lib/security/none/pam_warden.so\n",
])
def test_status_finds_lines_that_do_nothing(dovecot, new_sshd, attacker,
                                            innocent, lines):
    sshd = new_sshd(lines=lines)
    block_by_imap(dovecot, attacker)
    assert sshd.log_in(attacker, "password")
    record, = dovecot.doveadm("status")
    assert record["sshd_pam"] == "no"
    assert "/etc/pam.d/sshd" in record["check_pam"]
    run_command(dovecot, offered_command(dovecot))
    assert offered_command(dovecot) is None
    record, = dovecot.doveadm("status")
    assert (record["sshd_pam"], record["sshd"]) == ("yes", "yes")
    for method in METHODS:
        assert not sshd.log_in(attacker, method)
        assert sshd.log_in(innocent, method)


@pytest.mark.parametrize("lines, said", [
    (AUTH, "none has it for account"),
    (ACCOUNT, "none has it for auth"),
    (PAM_LINES + AUTH, "counts twice"),
    ("@include part\n", "counts twice"),
])
def test_status_finds_lines_that_are_not_there_once(dovecot, new_sshd, lines,
                                                    said):
    sandbox = new_sshd(lines=lines).sandbox
    if "include" in lines:
        sandbox.path("/etc/pam.d/part").write_text(AUTH + PAM_LINES)
    record, = dovecot.doveadm("status")
    assert said in record["check_pam"]
    run_command(dovecot, offered_command(dovecot))
    assert offered_command(dovecot) is None


def test_status_names_the_services_that_ask(dovecot, wire):
    assert "no service asks" in dovecot.status()
    for service in ("sshd", "vsftpd", "some-daemon"):
        furnish(wire[0], service)
    assert "is asked by some-daemon, sshd, vsftpd" in dovecot.status()
    furnish(wire[0], "sshd.dpkg-old", AUTH)
    assert "pam" not in dovecot.problems()


def test_status_finds_a_module_of_another_version(dovecot, new_sshd,
                                                  installed):
    sandbox = new_sshd().sandbox
    assert "pam" not in dovecot.problems()
    module = next(name for name in installed.files()
                  if name.endswith("/pam_warden.so"))
    old = sandbox.path("/run/pam_warden.so")
    old.write_bytes(sandbox.path(module).read_bytes().replace(
        b"dovecot-warden layout ", b"dovecot-warden layout 9"))
    sandbox.run("mount", "--bind", "/run/pam_warden.so", module)
    assert "of another version" in dovecot.problems()["pam"]
    assert "libpam-warden" in offered_command(dovecot)


# --- doveadm warden setup --pam ---------------------------------------------

def test_setup_puts_the_lines_in_and_takes_them_out(dovecot, new_sshd,
                                                    attacker):
    sshd = new_sshd(lines="#%PAM-1.0\n")
    path = sshd.sandbox.path("/etc/pam.d/sshd")
    path.chmod(0o640)
    os.chown(path, 0, 8)
    before = path.read_bytes()
    block_by_imap(dovecot, attacker)
    said = dovecot.doveadm_raw("warden", "setup", "--pam", "sshd").stdout
    for line in PAM_LINES.splitlines():
        assert line.split() in [text.split() for text in said.splitlines()]
    assert path.read_bytes() == before
    assert sshd.log_in(attacker, "publickey")

    for changed in ("yes", "no"):
        record, = dovecot.doveadm("setup", "--pam", "sshd", "--apply")
        assert record["changed"] == changed
        assert not sshd.log_in(attacker, "publickey")
    assert path.read_text().startswith("#%PAM-1.0\n# dovecot-warden")
    found = path.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, 0,
                                                                    8)
    for changed in ("yes", "no"):
        record, = dovecot.doveadm("setup", "--pam", "sshd", "--remove")
        assert record["changed"] == changed
        assert path.read_bytes() == before
    assert sshd.log_in(attacker, "publickey")


def test_setup_changes_nothing_that_it_was_not_asked_for(wire, new_dovecot):
    dovecot = new_dovecot(sandbox=wire[0], start=False)
    dovecot.configure()
    for words, code in ((["--pam", "sshd", "--daemons", "sshd"], 64),
                        (["--apply"], 64),
                        (["--pam", "sshd", "--apply", "--remove"], 64),
                        (["--pam", "../passwd", "--apply"], 64),
                        (["--pam", " ", "--apply"], 64),
                        (["--pam", "no-such-service", "--apply"], 65)):
        result = dovecot.doveadm_raw("warden", "setup", *words)
        assert result.returncode == code, result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not wire[0].path("/etc/pam.d/no-such-service").exists()
    for name in ("sshd", "vsftpd"):
        furnish(wire[0], name, lines="")
    records = dovecot.doveadm("setup", "--pam", "sshd,vsftpd", "--apply")
    assert [record["file"] for record in records] == [
        "/etc/pam.d/sshd", "/etc/pam.d/vsftpd"]
