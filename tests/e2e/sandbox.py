# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A machine of its own for one test, so that the real one stays as it was.

A *holder* process owns a mount and a PID namespace (and a network namespace
if asked for). /run is a fresh tmpfs there, /etc a copy, /var/lib/dovecot
empty. All that a test starts is a child of the holder's namespace: when the
holder dies the kernel kills every process and drops every mount in it. It
dies when we close its standard input, and we cannot help closing that, even
when we are killed.
"""

import contextlib
import ctypes
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def _setns(fd, kind):
    _check(_libc.setns(fd, kind), "setns")


def _mount(source, target, kind, flags, data=None):
    def text(value):
        return None if value is None else os.fsencode(value)
    _check(_libc.mount(text(source), text(target), text(kind),
                       ctypes.c_ulong(flags), text(data)),
           f"mount on {target}")


# --- The holder's side -----------------------------------------------------

def _make_mounts_private():
    """Mounts made from here on are seen by nobody else.

    In a chroot "/" is no mount point and cannot be made private. Entering
    the namespace that we are in already leads to its real root; from there we
    come back through a descriptor."""
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    _setns(namespace, CLONE_NEWNS)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    os.fchdir(here)
    os.chroot(".")
    os.close(namespace)
    os.close(here)


def _furnish(binds):
    # Stale /proc mounts would show the processes of the machine.
    _mount("proc", "/proc", "proc", 0)
    for source, target in binds:
        _mount(source, target, None, MS_BIND)
    _mount("tmpfs", "/run", "tmpfs", 0, "mode=0755")
    for name in ("etc", "var-lib-dovecot"):
        os.mkdir(f"/run/{name}", mode=0o755)
    # The whole directory and not hosts.deny alone: a file that is a mount
    # point cannot be renamed over.
    subprocess.run(["cp", "-a", "/etc/.", "/run/etc"], check=True)
    # No name servers: libwrap asks for the name of whom it refuses, and would
    # wait for the answer.
    with open("/run/etc/nsswitch.conf", "w", encoding="ascii") as nsswitch:
        nsswitch.write("passwd: files\ngroup: files\nshadow: files\n"
                       "hosts: files\n")
    _mount("/run/etc", "/etc", None, MS_BIND)
    if os.path.isdir("/var/lib/dovecot"):
        _mount("/run/var-lib-dovecot", "/var/lib/dovecot", None, MS_BIND)


def _hold(network, binds):
    flags = CLONE_NEWNS | CLONE_NEWPID
    if network:
        flags |= CLONE_NEWNET
    _unshare(flags)
    child = os.fork()
    if child != 0:
        # Only the child is in the PID namespace.
        os.close(0)
        os.write(1, b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) & 0xff)
    _check(_libc.prctl(1, signal.SIGKILL, 0, 0, 0), "prctl")
    # The first process of the namespace inherits orphans: let the kernel
    # bury them.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _make_mounts_private()
    _furnish(binds)
    if network:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(1, b"ready\n")
    while os.read(0, 4096):
        pass
    os._exit(0)


# --- Our side --------------------------------------------------------------

def _own_ports():
    """Below those that the kernel gives to clients, and other ones for each
    process that runs tests at the same time as this one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    ports = [port for port in range(10000, 32000)
             if port % PORT_SHARES == worker % PORT_SHARES]
    start = random.randrange(len(ports))
    return itertools.cycle(ports[start:] + ports[:start])


PORT_SHARES = 8
_ports = _own_ports()


class Sandbox:
    """Start commands in it with run() and popen(); reach its files with
    path(). binds: (directory outside, the path it covers inside)."""

    def __init__(self, network=False, binds=()):
        self.network = network
        self.clock = []
        command = [sys.executable, "-E", "-s", os.path.abspath(__file__),
                   "net" if network else "-"]
        for source, target in binds:
            command += [str(source), str(target)]
        self._holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True)
        said = {self._holder.stdout.readline() for _ in range(2)}
        if b"ready\n" not in said:
            self.close()
            raise RuntimeError("cannot make a private machine (needs root)")
        self.pid = int((said - {b"ready\n"}).pop())

    def close(self):
        self._holder.stdin.close()
        self._holder.stdout.close()
        try:
            self._holder.wait(10)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def path(self, inside):
        """Where a file of the sandbox is for us."""
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def wrap(self, command):
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid",
                 "--root", "--wd"]
        if self.network:
            enter.append("--net")
        return enter + ["--"] + self.clock + [str(word) for word in command]

    def reboot(self):
        """What is started from here on finds another boot id, and where the
        kernel has time namespaces the time since boot begins anew. What is
        in /run stays."""
        self.path("/run/boot_id").write_text(f"{uuid.uuid4()}\n")
        self.run("mount", "--bind", "/run/boot_id",
                 "/proc/sys/kernel/random/boot_id")
        up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
        clock = ["unshare", "--time", f"--boottime={20 - up}", "--fork", "--"]
        if self.run(*clock, "true", check=False).returncode == 0:
            self.clock = clock

    def run(self, *command, check=True, timeout=30, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(self.wrap(command), capture_output=True,
                                text=True, timeout=timeout, **kwargs)
        if check and result.returncode != 0:
            raise AssertionError(
                f"{' '.join(map(str, command))}: exit "
                f"{result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def popen(self, *command, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.wrap(command), **kwargs)

    @contextlib.contextmanager
    def inside_network(self):
        """Sockets made in this block belong to the sandbox's network."""
        if not self.network:
            yield
            return
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            _setns(inside, CLONE_NEWNET)
            try:
                yield
            finally:
                _setns(outside, CLONE_NEWNET)
        finally:
            os.close(inside)
            os.close(outside)

    def free_port(self, address="127.0.0.1"):
        """One that nobody uses, another each time."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside_network():
            for port in itertools.islice(_ports, 1000):
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    with contextlib.suppress(OSError):
                        probe.bind((address, port))
                        return port
        raise RuntimeError("no free port")

    def listening_ports(self):
        """TCP ports that somebody listens on, without touching them."""
        ports = set()
        for name in ("tcp", "tcp6"):
            path = Path(f"/proc/{self.pid}/net/{name}")
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    ports.add(int(fields[1].rsplit(":", 1)[1], 16))
        return ports

    def processes(self):
        """{pid as we see it: command line} of all that runs in it, but the
        holder. Zombies are not in it."""
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == self.pid:
                continue
            try:
                if os.readlink(f"/proc/{entry}/ns/pid") != namespace:
                    continue
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if line:
                found[int(entry)] = line.rstrip(b"\0").replace(
                    b"\0", b" ").decode(errors="replace")
        return found


if __name__ == "__main__":
    words = sys.argv[2:]
    _hold(sys.argv[1] == "net", list(zip(words[::2], words[1::2])))
