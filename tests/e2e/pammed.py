# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A real sshd and a real vsftpd that ask PAM, with pam_warden.so in the
stacks of a sandbox. libwrap finds nothing there."""

import ftplib
import subprocess

from clients import IN, REFUSED, WRONG
from wrapped import Sshd, Vsftpd

USER = "warden-e2e"
PASSWORD = "right-one"
CONTROL = "[module_unknown=ignore ignore=ignore default=die]"
PAM_LINES = (f"auth {CONTROL} pam_warden.so\n"
             f"account {CONTROL} pam_warden.so\n")
# a wrong password takes no time: what is tested comes after it
PAM_STACK = ("auth required pam_unix.so nodelay\n"
             "account required pam_unix.so\n"
             "session required pam_permit.so\n")


def furnish(sandbox, service, lines=PAM_LINES, stack=PAM_STACK):
    """A user of the sandbox, and what PAM asks for the service there."""
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD],
                            capture_output=True, text=True,
                            check=True).stdout.strip()
    home = f"/run/{USER}"
    if not sandbox.path(home).is_dir():
        sandbox.path(home).mkdir(mode=0o755)
        _append(sandbox, "passwd",
                f"{USER}:x:64999:64999::{home}:/bin/sh")
        _append(sandbox, "shadow", f"{USER}:{hashed}:20000::::::")
    sandbox.path(f"/etc/pam.d/{service}").write_text(lines + stack)


def _append(sandbox, name, line):
    with sandbox.path(f"/etc/{name}").open("a", encoding="ascii") as file:
        file.write(line + "\n")


class PamSshd(Sshd):
    """log_in(host, method, password) with the methods that PAM sees."""

    def _command(self):
        command = super()._command()
        config = self.sandbox.path(command[-1])
        config.write_text(
            config.read_text().replace("UsePAM no", "UsePAM yes")
            + "PasswordAuthentication yes\nKbdInteractiveAuthentication yes\n"
              "AuthorizedKeysFile /run/sshd-e2e/keys\nStrictModes no\n"
              "UseDNS no\n")
        # of OpenSSH 9.8 and later: its own way to refuse who failed, which
        # would hide ours
        penalties = ["-o", "PerSourcePenalties=no"]
        known = self.sandbox.run(command[0], "-t", *penalties, "-f",
                                 command[-1], check=False).returncode == 0
        return command[:-2] + (penalties if known else []) + command[-2:]

    def trust_key(self, sandbox):
        """Make a key in the client's sandbox that may log in here."""
        key = "/run/ssh-key"
        sandbox.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        keys = self.sandbox.path("/run/sshd-e2e/keys")
        keys.write_text(sandbox.path(f"{key}.pub").read_text())
        keys.chmod(0o644)

    def log_in(self, host, method, password=PASSWORD, user=USER):
        """Is a command run there?"""
        ssh = ["ssh", "-F", "none", "-b", host.address, "-p", str(self.port),
               "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
               "-o", "UserKnownHostsFile=/dev/null",
               "-o", f"PreferredAuthentications={method}",
               "-o", "NumberOfPasswordPrompts=1", "-i", "/run/ssh-key",
               f"{user}@{self.address}", "echo", "inside"]
        if method != "publickey":
            ssh = ["sshpass", "-p", password] + ssh
        return host.sandbox.run(*ssh, check=False).stdout == "inside\n"


class PamVsftpd(Vsftpd):
    def _command(self):
        command = super()._command()
        config = self.sandbox.path(command[-1])
        config.write_text(
            config.read_text().replace("tcp_wrappers=YES", "tcp_wrappers=NO")
            + "pam_service_name=vsftpd\nmax_login_fails=1\n"
              "delay_failed_login=0\n")
        return command

    def log_in(self, host, password=PASSWORD, user=USER):
        """IN or not: an FTP client is not told why."""
        with host.sandbox.inside_network():
            client = ftplib.FTP()
            try:
                client.connect(self.address, self.port, 20,
                               source_address=(host.address, 0))
                client.login(user, password)
                return IN
            except ftplib.error_perm:
                return WRONG
            except (ftplib.Error, EOFError, OSError):
                return REFUSED
            finally:
                client.close()
