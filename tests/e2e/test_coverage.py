# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What `doveadm warden status` says of sshd and vsftpd is what they do."""

import os
import subprocess
from pathlib import Path

import pytest

from dovecot import DENY_FILE
from wrapped import HOSTS_ALLOW, HOSTS_DENY, tcpdmatch

SSHD = "/usr/sbin/sshd"
SESSION = "/usr/lib/openssh/sshd-session"
VSFTPD_CONF = "/etc/vsftpd.conf"


def uses_libwrap(*programs):
    """Of the first that there is."""
    program = next((path for path in programs if os.path.exists(path)), None)
    if program is None:
        return False
    listed = subprocess.run(["ldd", program], capture_output=True, text=True,
                            check=True).stdout
    return "libwrap" in listed


@pytest.fixture
def dovecot(new_dovecot):
    made = new_dovecot()
    made.sandbox.path(HOSTS_ALLOW).write_text("")
    made.sandbox.path(HOSTS_DENY).write_text("")
    made.sandbox.path(VSFTPD_CONF).write_text(
        "listen=YES\ntcp_wrappers=YES\npam_service_name=vsftpd\n")
    return made


def said(dovecot, daemon):
    """{field: value} of the record, without the daemon's name before it."""
    record, = dovecot.doveadm("status")
    found = {name[len(daemon) + 1:]: value for name, value in record.items()
             if name.startswith(f"{daemon}_")}
    return {**found, "answer": record[daemon]}


def shown(dovecot, daemon):
    """The lines of the report that an admin reads."""
    report = dovecot.status().split("Other daemons", 1)[1].splitlines()[1:]
    first = next(n for n, line in enumerate(report)
                 if line.split()[:1] == [daemon])
    lines = [report[first]]
    for line in report[first + 1:]:
        if not line.startswith(" " * 20):
            break
        lines.append(line)
    return lines


pytestmark = pytest.mark.skipif(
    not uses_libwrap(SESSION, SSHD)
    or not uses_libwrap("/usr/sbin/vsftpd"),
    reason="sshd and vsftpd of this system ask no libwrap")


@pytest.mark.parametrize("daemon", ["sshd", "vsftpd"])
def test_command_mends_what_is_missing(dovecot, daemon):
    before = said(dovecot, daemon)
    assert before["answer"] == "no"
    assert (before["libwrap"], before["rules"]) == ("yes", "missing")
    assert before["command"] == "doveadm warden setup"
    assert before["command"] in shown(dovecot, daemon)[1]
    dovecot.sandbox.run("doveadm", "-c", f"{dovecot.home}/dovecot.conf",
                        *before["command"].split()[1:])
    after = said(dovecot, daemon)
    assert after["answer"] == "yes"
    assert after["rules"] == "refuse"
    assert after["rules_line"].startswith(f"{HOSTS_DENY}:")
    assert after["command"] == ""
    assert len(shown(dovecot, daemon)) == 1
    # and of the other only if it has it as well
    dovecot.doveadm("setup", "--daemons", "sshd")
    assert said(dovecot, "sshd")["answer"] == "yes"
    assert said(dovecot, "vsftpd")["answer"] == "no"


@pytest.mark.parametrize("allow, deny, where", [
    ("# ours\nsshd: ALL\n", f"ALL: {DENY_FILE}\n", f"{HOSTS_ALLOW}:2"),
    ("", f"ALL: ALL : ALLOW\nALL: {DENY_FILE}\n", f"{HOSTS_DENY}:1"),
])
def test_line_that_another_one_cancels(dovecot, allow, deny, where):
    dovecot.sandbox.path(HOSTS_ALLOW).write_text(allow)
    dovecot.sandbox.path(HOSTS_DENY).write_text(deny)
    dovecot.doveadm("block", "203.0.113.9")
    assert tcpdmatch(dovecot.sandbox, "sshd", "203.0.113.9") == "granted"
    found = said(dovecot, "sshd")
    assert found["answer"] == "no"
    assert (found["rules"], found["rules_line"]) == ("cancelled", where)
    file, line = where.split(":")
    assert f"line {line} of {file}" in " ".join(shown(dovecot, "sshd"))


def test_vsftpd_is_not_told_to_ask(dovecot):
    dovecot.doveadm("setup")
    assert said(dovecot, "vsftpd")["answer"] == "yes"
    dovecot.sandbox.path(VSFTPD_CONF).write_text("#tcp_wrappers=YES\n")
    found = said(dovecot, "vsftpd")
    assert found["answer"] == "no"
    assert (found["libwrap"], found["tcp_wrappers"]) == ("yes", "no")
    assert VSFTPD_CONF in found["reason"]
    assert said(dovecot, "sshd")["answer"] == "yes"


def check_use_pam(dovecot):
    """The lines are there, and sshd does not ask PAM."""
    config = dovecot.sandbox.path("/etc/ssh/sshd_config")
    config.parent.mkdir(exist_ok=True)
    config.write_text("Port 22\nUsePAM no\n")
    found = said(dovecot, "sshd")
    assert (found["answer"], found["pam"]) == ("no", "no")
    assert "line 2 of /etc/ssh/sshd_config" in found["reason"]
    mend, reload = found["command"].split(" && ", 1)
    assert "systemctl reload" in reload
    dovecot.sandbox.run("sh", "-c", mend)
    assert config.read_text() == "UsePAM yes\nPort 22\nUsePAM no\n"
    assert said(dovecot, "sshd")["answer"] == "yes"


def test_sshd_without_libwrap_and_with_pam(dovecot):
    """Another program in its place, which is linked with libc alone."""
    sandbox = dovecot.sandbox
    sandbox.run("mount", "--bind", "/bin/true", SSHD)
    dovecot.doveadm("setup")
    found = said(dovecot, "sshd")
    assert (found["answer"], found["libwrap"]) == ("no", "no")
    assert "without libwrap" in found["reason"]
    stack = sandbox.path("/etc/pam.d/sshd")
    before = stack.read_bytes()
    if found["command"].startswith("doveadm"):
        assert found["command"] == \
            "doveadm warden setup --pam sshd --apply"
        sandbox.run("doveadm", "-c", f"{dovecot.home}/dovecot.conf",
                    *found["command"].split()[1:])
        assert (said(dovecot, "sshd")["answer"],
                said(dovecot, "sshd")["pam"]) == ("yes", "yes")
        check_use_pam(dovecot)
        dovecot.doveadm("setup", "--pam", "sshd", "--remove")
        assert stack.read_bytes() == before
        assert said(dovecot, "sshd")["answer"] == "no"
    else:
        assert "package" in found["command"]


def test_session_program_of_sshd_is_the_one_that_asks(dovecot):
    """From OpenSSH 9.8 on: sshd names it, and it alone matters."""
    sandbox = dovecot.sandbox
    dovecot.doveadm("setup")
    assert said(dovecot, "sshd")["libwrap"] == "yes"
    session = SESSION
    if os.path.exists(session):
        sandbox.run("mount", "--bind", "/bin/true", session)
    else:
        session = "/run/sshd-session"
        sandbox.run("cp", "/bin/true", session)
        program = Path(SSHD).read_bytes() + f"\0{session}\0".encode()
        sandbox.path("/run/sshd").write_bytes(program)
        sandbox.path("/run/sshd").chmod(0o755)
        sandbox.run("mount", "--bind", "/run/sshd", SSHD)
    found = said(dovecot, "sshd")
    assert (found["program"], found["libwrap"]) == (session, "no")


def test_program_that_cannot_be_read(dovecot):
    sandbox = dovecot.sandbox
    dovecot.doveadm("setup")
    sandbox.path("/run/sshd").write_text("#!/bin/sh\nexec sshd.real\n")
    sandbox.path("/run/sshd").chmod(0o755)
    sandbox.run("mount", "--bind", "/run/sshd", SSHD)
    found = said(dovecot, "sshd")
    assert (found["answer"], found["libwrap"]) == ("unknown", "unknown")
    assert SSHD in found["reason"]


@pytest.mark.parametrize("formatter", ["table", "tab", "flow", "pager",
                                       "json"])
def test_every_formatter_has_it(dovecot, formatter):
    result = dovecot.doveadm_raw("-f", formatter, "warden", "status")
    assert result.returncode == 0, result.stderr
    assert "sshd_command" in result.stdout
    assert "doveadm warden setup" in result.stdout
