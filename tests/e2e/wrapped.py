# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""The other daemons of the machine: a real sshd and a real vsftpd that ask
libwrap, and tcpdmatch, which tells what libwrap would say."""

import subprocess

from clients import Talk
from waiting import wait_until

HOSTS_DENY = "/etc/hosts.deny"
HOSTS_ALLOW = "/etc/hosts.allow"


class _Daemon:
    """Listens on a free port; greets() says whether a host gets a banner."""

    name = banner = None

    def __init__(self, sandbox, address="127.0.0.1"):
        self.sandbox = sandbox
        self.address = address
        self.port = sandbox.free_port(address)
        self.directory = f"/run/{self.name}-e2e"
        sandbox.path(self.directory).mkdir(mode=0o755)
        self.process = sandbox.popen(*self._command(),
                                     stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        wait_until(self._is_listening, f"{self.name} to listen")

    def _command(self):
        raise NotImplementedError

    def _is_listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} did not start")
        return self.port in self.sandbox.listening_ports()

    def _write(self, name, text):
        self.sandbox.path(f"{self.directory}/{name}").write_text(text)
        return f"{self.directory}/{name}"

    def greeting(self, host):
        try:
            sock = host.connect_port(self.address, self.port)
        except ConnectionError:
            return b""
        with Talk(sock) as talk:
            return talk.line()

    def greets(self, host):
        """False: closed before the banner. Any other answer is a fault."""
        line = self.greeting(host)
        if line.startswith(self.banner):
            return True
        # vsftpd tells the client why; sshd says nothing.
        assert line == b"" or line.startswith(b"421 "), line
        return False


class Sshd(_Daemon):
    name = "sshd"
    banner = b"SSH-2.0-"

    def _command(self):
        empty = self.sandbox.path("/run/sshd")
        empty.mkdir(mode=0o755, exist_ok=True)
        key = f"{self.directory}/key"
        self.sandbox.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                         "-f", key)
        config = self._write("sshd_config", (
            f"ListenAddress {self.address}\nPort {self.port}\n"
            f"HostKey {key}\nPidFile none\nUsePAM no\n"))
        return ["/usr/sbin/sshd", "-D", "-e", "-f", config]


class Vsftpd(_Daemon):
    name = "vsftpd"
    banner = b"220 "

    def _command(self):
        empty = f"{self.directory}/empty"
        self.sandbox.path(empty).mkdir(mode=0o555)
        config = self._write("vsftpd.conf", (
            f"listen=YES\nlisten_address={self.address}\n"
            f"listen_port={self.port}\nbackground=NO\ntcp_wrappers=YES\n"
            f"secure_chroot_dir={empty}\nanonymous_enable=NO\n"
            f"local_enable=YES\nftpd_banner=ready\nxferlog_enable=NO\n"))
        return ["vsftpd", config]


def tcpdmatch(sandbox, daemon, address):
    """"granted" or "denied", as the third reader of the rules says."""
    inetd = sandbox.path("/run/inetd.conf")
    inetd.write_text("ssh stream tcp nowait root /usr/sbin/tcpd sshd\n")
    said = sandbox.run("tcpdmatch", "-i", "/run/inetd.conf", daemon,
                       address).stdout
    for line in said.splitlines():
        if line.startswith("access:"):
            return line.split()[1]
    raise AssertionError(f"tcpdmatch said nothing of access: {said}")
