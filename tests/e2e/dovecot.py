# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A Dovecot of its own, in a sandbox, with free ports on one address."""

import json
import os
import re
import signal
import subprocess

from dialect import (HOME, MAIN, NO_SERVICE, PASSDB_USERS, PASSDB_WARDEN,
                     SERVICE_STANZA, cleartext_without_tls, warden_settings)
from waiting import wait_until

BASE_DIR = "/run/dovecot"
WARDEN_DIR = f"{BASE_DIR}/warden"
STATE_DIR = "/var/lib/dovecot/warden"
DENY_FILE = f"{STATE_DIR}/hosts.deny"
AUTH_SOCKET = f"{HOME}/auth-client"

USERS = {"alice": "alice-secret", "bob": "bob-secret",
         "carol": "carol-secret", "dave": "dave-secret"}


PORT_NAMES = ("imap", "imaps", "pop3", "pop3s", "submission")
PORT_IS_TAKEN = "Address already in use"
START_ATTEMPTS = 5


class PortTaken(AssertionError):
    """By another test that runs at the same time."""


class Dovecot:
    """settings: warden_... without that. passdbs: the list of stanzas, first
    to last. login: lines into service imap-login and pop3-login. warden=False
    is a Dovecot without any part of it. number: of one that is not the only one
    in its sandbox; it has a base_dir of its own."""

    def __init__(self, sandbox, certificate, *, warden=True, settings=None,
                 passdbs=None, login="", config="", users=None,
                 cleartext=True, service=SERVICE_STANZA,
                 address="127.0.0.1", listen=None, number=1):
        self.sandbox = sandbox
        suffix = "" if number == 1 else f"-{number}"
        self.home = HOME + suffix
        self.base_dir = BASE_DIR + suffix
        self.title = "dovecot" + suffix
        self.address = address
        self.warden = warden
        # So slow that what is counted in a test is still there when a busy
        # machine gets to look.
        self.settings = {"exempt_networks": "127.0.0.1/32",
                         "fail_window": "2 h", **(settings or {})}
        self.users = dict(USERS if users is None else users)
        self.ports = {}
        self._take_ports()
        self.passdbs = passdbs
        self.login = login
        self.extra = config
        self.service = service
        self.cleartext = cleartext
        self.listen = listen or address
        self.master = None
        home = sandbox.path(self.home)
        home.mkdir(mode=0o755)
        for name in ("state", "mail"):
            (home / name).mkdir()
        os.chmod(home / "mail", 0o777)
        (home / "cert.pem").write_bytes(certificate.cert.read_bytes())
        (home / "key.pem").write_bytes(certificate.key.read_bytes())
        (home / "log").touch()
        self.write_users()

    # --- Configuration ---

    def write_users(self):
        self.sandbox.path(f"{self.home}/users").write_text("".join(
            f"{name}:{password}\n" for name, password in self.users.items()))

    def configure(self):
        text = MAIN.format(base=BASE_DIR, home=HOME, listen=self.listen,
                           ports=self.ports, imap_login=self.login,
                           pop3_login=self.login)
        text += cleartext_without_tls(self.cleartext)
        passdbs = self.passdbs
        if passdbs is None:
            passdbs = [PASSDB_USERS]
            if self.warden:
                passdbs.insert(0, PASSDB_WARDEN)
        text += "".join(passdbs)
        if self.warden:
            text += "login_plugins = warden\n" + self.service
            text += warden_settings(self.settings)
        text += self.extra
        if self.home != HOME:
            text = text.replace(HOME, self.home).replace(BASE_DIR,
                                                         self.base_dir)
            text += f"instance_name = {self.title}\n"
        self.sandbox.path(f"{self.home}/dovecot.conf").write_text(text)

    # --- Life ---

    def start(self, wait_for_warden=True):
        for attempts_left in range(START_ATTEMPTS - 1, -1, -1):
            self.configure()
            self._remove_sockets()
            self.master = self.sandbox.popen(
                "dovecot", "-F", "-c", f"{self.home}/dovecot.conf",
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                wait_until(self._is_listening, "Dovecot to listen")
                break
            except PortTaken:
                if attempts_left == 0:
                    raise
                self._take_ports()
                self.sandbox.path(f"{self.home}/log").write_text("")
        if self.warden and self.service != NO_SERVICE and wait_for_warden:
            self.wait_for_service()
        return self

    def _take_ports(self):
        self.ports.update({name: self.sandbox.free_port(self.address)
                           for name in PORT_NAMES})

    def _remove_sockets(self):
        """Sockets of the Dovecot before make the next one wait 5 s."""
        base = self.sandbox.path(self.base_dir)
        for path in list(base.rglob("*")) if base.is_dir() else []:
            if path.is_socket():
                path.unlink()

    def _is_listening(self):
        if self.master.poll() is not None:
            with self.master.stderr:
                said = self.master.stderr.read().decode() + self.log()
            error = PortTaken if PORT_IS_TAKEN in said else AssertionError
            raise error(f"Dovecot did not start: {said}")
        return self.sandbox.listening_ports().issuperset(
            self.ports.values())

    def wait_for_service(self, deadline_secs=10):
        """Until the rules are published: before, nobody is refused."""
        wait_until(self.service_is_alive, "the warden service",
                   deadline_secs)

    def service_is_alive(self):
        result = self.doveadm_raw("-f", "json", "warden", "status")
        return result.returncode == 0 and self.processes("warden") != []

    def stop(self):
        if self.master is None or self.master.poll() is not None:
            return
        master = self.master_pid()
        os.kill(master, signal.SIGTERM)
        self.master.wait(10)
        self.master.stderr.close()
        wait_until(lambda: not self.all_processes(),
                   "Dovecot's processes to end")

    def restart(self):
        self.stop()
        self.start()

    def all_processes(self):
        return {pid: line for pid, line in self.sandbox.processes().items()
                if line.startswith(f"{self.title}/")
                or re.match(rf"(/\S*/)?dovecot .*{self.home}/dovecot.conf",
                            line)}

    def processes(self, name):
        """Pids of the service's processes."""
        return sorted(pid for pid, line in self.all_processes().items()
                      if line.split()[0] == f"{self.title}/{name}")

    def master_pid(self):
        for pid, line in self.all_processes().items():
            if not line.startswith(f"{self.title}/"):
                return pid
        raise AssertionError("Dovecot's master process is gone")

    def kill(self, name, number=signal.SIGKILL):
        """Kill the service's processes; returns which there were."""
        pids = self.processes(name)
        for pid in pids:
            os.kill(pid, number)
        return pids

    # --- What it says ---

    def log(self):
        return self.sandbox.path(f"{self.home}/log").read_text(errors="replace")

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines()
                if re.search(pattern, line)]

    def wait_log(self, pattern, count=1):
        """The same, when there are so many: a line may come later than what
        it tells of."""
        return wait_until(
            lambda: (lines := self.log_lines(pattern))[count - 1:] and lines,
            f"'{pattern}' in the log")

    def doveadm_raw(self, *words, **kwargs):
        """The CompletedProcess, whatever its exit code."""
        return self.sandbox.run("doveadm", "-c", f"{self.home}/dovecot.conf",
                                *words, check=False, **kwargs)

    def doveadm(self, *words):
        """`doveadm -f json warden ...`, parsed."""
        result = self.doveadm_raw("-f", "json", "warden", *words)
        assert result.returncode == 0, result.stderr + result.stdout
        return json.loads(result.stdout or "[]")

    def blocked(self):
        """{host: its record} of those that are blocked."""
        return {record["host"]: record
                for record in self.doveadm("list", "--blocked")}

    def record(self, host):
        """All that is known of a host, or None."""
        for record in self.doveadm("list", "--all"):
            if record["host"] == host.address:
                return record
        return None

    def why(self, host):
        """What `doveadm warden why` says; also of a host that is not in the
        list, since all it has is sessions."""
        answer, = self.doveadm("why", host.address)
        return answer

    def sessions_of(self, host):
        """Unauthenticated sessions now."""
        return self.why(host)["sessions"]

    def wait_blocked(self, host):
        """The host's record, once it is blocked: auth may count a failure
        just after the client is told of it."""
        return wait_until(lambda: self.blocked().get(host.address),
                          f"{host} to be blocked")

    def wait_unblocked(self, host, deadline_secs=10):
        wait_until(lambda: host.address not in self.blocked(),
                   f"the block of {host} to end", deadline_secs)

    def status(self):
        """What an admin reads."""
        result = self.doveadm_raw("warden", "status")
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    def problems(self):
        """What the self-check of `status` finds wrong: {name: text}."""
        result = self.doveadm_raw("warden", "status")
        return {line.split()[1]: line for line in result.stdout.splitlines()
                if line.split()[:1] == ["PROBLEM"]}

    def deny_file(self):
        """Its patterns, without comments; None if there is no file."""
        try:
            text = self.sandbox.path(DENY_FILE).read_text()
        except FileNotFoundError:
            return None
        assert text == "" or text.endswith("\n")
        return [line for line in text.splitlines()
                if line and not line.startswith("#")]
