# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What people put in front of a Dovecot without the warden: fail2ban and
SSHGuard, which read its log and tell the firewall. Each watches a Dovecot of
its own, with its filter, its limits and its nftables action as shipped, on one
of two machines with a cable between them. Those of the real machine, if there
are any, are neither asked nor touched."""

import contextlib
import itertools
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from clients import Host
from dovecot import Dovecot
from netns import SERVER_4, connect
from sandbox import Sandbox
from waiting import wait_until

ATTACKER = "192.0.2.2"
# All of it is the attacker's, so that each round has a host never seen.
ATTACKER_NETWORK = "198.18.0.0/15"

# A connection whose packets the firewall drops shows by its silence alone.
SILENCE_SECS = 2
# Who is not refused by then counts as never refused: the slowest that sees
# anything at all needs a second.
NEVER_SECS = 20
AT_ONCE = 20
PROBE_INTERVAL_SECS = 0.01
LAST_LINES_SECS = 0.5

BLOCKS = 20000
RESTART_NEVER_SECS = 120
RESTART_POLL_SECS = 1

# The shape that syslog gives the lines: SSHGuard knows no other. What tells of
# each password that was checked goes elsewhere, and auth_verbose stays off:
# its lines would show fail2ban more than it sees by default.
LOG = """
log_timestamp = "%b %d %H:%M:%S mail dovecot: "
log_debug = event=auth_passdb_request_finished
debug_log_path = {home}/checked
"""
# The words of 2.3 and of 2.4 come in another order.
CHECKED = (r"(?m)^(?=.*,{address}[,)])(?=.*\bpasswd-file\b)"
           r".*Finished passdb lookup")

# As Dovecot put it for many years, and both rivals know it.
CONTROL = ("{time} mail dovecot: imap-login: Info: Disconnected (auth failed, "
           "1 attempts in 2 secs): user=<alice>, method=PLAIN, rip={address}, "
           "lip=192.0.2.1, session=<abcdefgh>\n")
CONTROL_ADDRESS = "203.0.113.1"
CONTROL_SECS = 20


# --- Who guards ---------------------------------------------------------------

class Warden:
    """limit: wrong passwords that block a host, as shipped."""

    limit = 10
    title = "warden"

    def start(self, server):
        pass


class Scanner:
    """nft_set: where it puts those whom it bans."""

    limit = package = program = title = nft_set = None

    def __init__(self):
        self.sandbox = None

    def why_absent(self):
        """None: it can take part."""
        for program, package in ((self.program, self.package),
                                 ("nft", "nftables")):
            if shutil.which(program) is None:
                return f"{program} is not installed (package {package})"
        if subprocess.run(["unshare", "--net", "nft", "add table inet bench"],
                          check=False, capture_output=True).returncode != 0:
            return "nftables does not work here"
        return None

    def banned(self):
        # it waits its turn behind those who add
        said = self.sandbox.run("nft", "list", "set", *self.nft_set,
                                check=False, timeout=120).stdout
        return re.findall(r"\d+\.\d+\.\d+\.\d+", said)

    def prove(self, server):
        """It reads this log and reaches the firewall: whatever it does not see
        from here on is a matter of what the lines say."""
        line = CONTROL.format(time=time.strftime("%b %d %H:%M:%S"),
                              address=CONTROL_ADDRESS)
        with open(self.sandbox.path(f"{server.home}/log"), "a",
                  encoding="ascii") as log:
            for _ in range(self.limit):
                log.write(line)
                log.flush()
        wait_until(lambda: CONTROL_ADDRESS in self.banned(),
                   f"{self.title} to ban who is in the log", CONTROL_SECS)


class Fail2ban(Scanner):
    """backend: how it learns of new lines. "auto" is its own default; from
    Debian 13 on the package has the journal, which these lines do not reach."""

    limit = 5
    package = "fail2ban"
    program = "fail2ban-server"
    nft_set = ("inet", "f2b-table", "addr-set-dovecot")
    home = "/run/fail2ban-bench"
    SHIPPED = "/etc/fail2ban"

    def __init__(self, backend="auto", bantime=None):
        super().__init__()
        self.backend = backend
        self.bantime = bantime
        self.process = None
        self.title = "fail2ban"

    def start(self, server):
        self.sandbox = server.sandbox
        self._configure(server)
        self.launch()
        wait_until(lambda: "Jail 'dovecot' started" in self.log(),
                   "fail2ban to start", 30)
        self.title = f"fail2ban, {self._backend_in_use()}"
        self.prove(server)

    def _backend_in_use(self):
        found = re.search(r"Jail 'dovecot' uses (\w+)", self.log())
        return found[1] if found else self.backend

    def _path(self, name):
        return self.sandbox.path(f"{self.home}/{name}")

    def _configure(self, server):
        """A configuration of its own, from what the package has: without what
        an administrator adds, in files of other names."""
        self._path("").mkdir()
        for name in sorted(os.listdir(self.SHIPPED)):
            source = f"{self.SHIPPED}/{name}"
            if name in ("action.d", "filter.d"):
                shutil.copytree(source, self._path(name),
                                ignore=shutil.ignore_patterns("*.local"))
            elif name.endswith(".conf"):
                shutil.copy(source, self._path(name))
        self._path("fail2ban.local").write_text(
            f"[DEFAULT]\nlogtarget = {self.home}/log\n"
            f"socket = {self.home}/socket\npidfile = {self.home}/pid\n"
            f"dbfile = {self.home}/bans.sqlite3\n")
        ports = ",".join(map(str, server.ports.values()))
        jail = (f"[dovecot]\nenabled = true\nport = {ports}\n"
                f"logpath = {server.home}/log\nbackend = {self.backend}\n"
                "banaction = nftables\n")
        if self.bantime:
            jail += f"bantime = {self.bantime}\n"
        self._path("jail.local").write_text(jail)

    def launch(self):
        self.process = self.sandbox.popen(
            self.program, "-c", self.home, "-xf", "start",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return self._path("log").read_text(errors="replace")
        return ""

    def stop(self):
        self.sandbox.run("fail2ban-client", "-c", self.home, "stop")
        self.process.wait(30)
        self._path("log").unlink()

    def write_bans(self, addresses):
        """Of one that is stopped: in place of what it has, and as it writes
        them itself."""
        now = int(time.time())
        bans = [(address, now, 24 * 3600) for address in addresses]
        inside = self._path("bans.sqlite3")
        # SQLite follows the way into the sandbox, and is outside again.
        with tempfile.NamedTemporaryFile() as outside:
            shutil.copyfile(inside, outside.name)
            with contextlib.closing(
                    sqlite3.connect(outside.name)) as database, database:
                for table in ("bans", "bips"):
                    database.execute(f"DELETE FROM {table}")
                    database.executemany(
                        f"INSERT INTO {table} (jail, ip, timeofban, bantime, "
                        "bancount, data) VALUES ('dovecot', ?, ?, ?, 1, "
                        "'{\"matches\": [], \"failures\": 5}')", bans)
            shutil.copyfile(outside.name, inside)


class Sshguard(Scanner):
    limit = 3       # a threshold of 30, and 10 for each
    package = "sshguard"
    program = "sshguard"
    title = "SSHGuard"
    nft_set = ("ip", "sshguard", "attackers")
    CONFIG = "/etc/sshguard/sshguard.conf"

    def start(self, server):
        """With another log to read and the firewall of the others."""
        self.sandbox = server.sandbox
        # the only place where it looks; the sandbox's own
        config = self.sandbox.path(self.CONFIG)
        shipped = config.read_text()
        text = re.sub(r"(?m)^LOGREADER=.*\n", "", shipped)
        text = re.sub(r"(?m)^(BACKEND=.*/)sshg-fw-[^/\"]*",
                      r"\1sshg-fw-nft-sets", text)
        config.write_text(f"{text}\nFILES={server.home}/log\n")
        self.sandbox.popen(self.program, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        wait_until(self._is_reading, "SSHGuard to start")
        self.prove(server)

    def _is_reading(self):
        return any(line.startswith("tail ")
                   for line in self.sandbox.processes().values())


def present(scanners):
    """Those that can take part; says of the others why not."""
    absent = {}
    for scanner in scanners:
        why = scanner.why_absent()
        if why is None:
            yield scanner
        else:
            absent[scanner.package] = why
    for package, why in absent.items():
        print(f"  {package} is skipped: {why}", flush=True)


# --- Where it is --------------------------------------------------------------

@contextlib.contextmanager
def guarded_dovecot(bench, guard):
    """(a Dovecot that this one guards, the sandbox of who attacks it)"""
    with Sandbox(network=True, binds=bench.installed.binds) as machine, \
            Sandbox(network=True) as attacker:
        connect(machine, attacker, [f"{ATTACKER}/24"])
        # Any address of it can be bound, without one line for each.
        attacker.run("ip", "route", "add", "local", ATTACKER_NETWORK, "dev",
                     "lo")
        machine.run("ip", "route", "add", ATTACKER_NETWORK, "via", ATTACKER)
        server = Dovecot(machine, bench.certificate, address=SERVER_4,
                         warden=isinstance(guard, Warden))
        server.extra = LOG.format(home=server.home)
        server.sandbox.path(f"{server.home}/checked").touch()
        server.start()
        guard.start(server)
        yield server, attacker
        # It goes with its sandbox: login processes would wait for clients
        # that the firewall keeps away.


def attacking_host(attacker, number):
    return Host(f"198.18.{number // 250}.{number % 250 + 1}", attacker,
                timeout_secs=SILENCE_SECS)


def passwords_checked(server, host):
    log = server.sandbox.path(f"{server.home}/checked").read_text()
    return len(re.findall(CHECKED.format(address=re.escape(host.address)),
                          log))


# --- The attacks --------------------------------------------------------------

def refusal(server, host):
    """When the host was refused; None: it was not."""
    began = time.monotonic()
    with contextlib.suppress(OSError):
        return time.monotonic() if host.is_refused(server) else None
    # Silence: that it would last was decided when it began.
    return began


class Attack:
    """Wrong passwords, until the host is refused, or for NEVER_SECS. stays: all
    in one connection, as long as that is open."""

    def __init__(self, server, host, at_once=1, stays=False):
        self.server = server
        self.host = host
        self.at_once = at_once
        self.stays = stays
        self.words = itertools.count()
        self.end = time.monotonic() + NEVER_SECS

    def run(self):
        """Whether it ended with a refusal."""
        while self._goes_on():
            guessers = [threading.Thread(target=self._guess_until_refused,
                                         daemon=True)
                        for _ in range(self.at_once)]
            for guesser in guessers:
                guesser.start()
            for guesser in guessers:
                guesser.join()
            # One alone: what was refused may have been one too many at once.
            if refusal(self.server, self.host):
                return True
        return False

    def _goes_on(self):
        return time.monotonic() < self.end

    def _guess_until_refused(self):
        while self._goes_on() and self.come():
            pass

    def come(self):
        """One connection; false: not let in, or no answer."""
        with contextlib.suppress(OSError), \
                self.host.talk(self.server) as talk:
            if talk.line() == b"":
                return False
            while self._guess(talk):
                if not self.stays or not self._goes_on():
                    return True
        return False

    def _guess(self, talk):
        return talk.ask(f"1 LOGIN alice guess-{next(self.words)}"
                        ).startswith(b"1 NO")


class Contest:
    """One who guards, and the attacks on his Dovecot. Each is a new host's."""

    def __init__(self, guard, server, attacker):
        self.guard = guard
        self.server = server
        self.attacker = attacker
        self.hosts = itertools.count()
        self.remarks = {}

    def host(self):
        return attacking_host(self.attacker, next(self.hosts))

    def attack(self, figure, **kwargs):
        """Passwords checked until the host is refused; None: never."""
        if figure in self.remarks:
            return None     # once is enough
        host = self.host()
        was_refused = Attack(self.server, host, **kwargs).run()
        time.sleep(LAST_LINES_SECS)
        checked = passwords_checked(self.server, host)
        if checked == 0:
            raise RuntimeError("nothing tells which passwords were checked")
        if was_refused:
            return checked
        self.remarks[figure] = (f"not refused within {NEVER_SECS} s; "
                                f"{checked} passwords checked by then")
        return None

    def reaction_ms(self, figure):
        """From the answer to as many wrong passwords as the limit is, a
        connection for each, to the first that is refused; None: never."""
        if figure in self.remarks:
            return None
        host = self.host()
        attack = Attack(self.server, host)
        with ThreadPoolExecutor() as pool:
            for _ in range(self.guard.limit - 1):
                pool.submit(attack.come)
        attack.come()
        failed = time.monotonic()
        while time.monotonic() < failed + NEVER_SECS:
            refused = refusal(self.server, host)
            if refused and refusal(self.server, host):
                return 1000 * (refused - failed)
            time.sleep(PROBE_INTERVAL_SECS)
        self.remarks[figure] = f"not refused within {NEVER_SECS} s"
        return None


# --- Figures ------------------------------------------------------------------

def contests(bench, stack):
    """[one Contest for each who guards]"""
    found = []
    for guard in (Warden(), *present([Fail2ban(), Fail2ban("polling"),
                                      Sshguard()])):
        contest = Contest(guard, *stack.enter_context(
            guarded_dovecot(bench, guard)))
        # "auto" may be polling itself.
        if guard.title not in [other.guard.title for other in found]:
            found.append(contest)
    return found


def report_contest(bench, figure, unit, everybody, runs):
    for contest in everybody:
        bench.report.row("rivals", f"{figure}: {contest.guard.title}", unit,
                         runs[contest.guard.title])
        if figure in contest.remarks:
            bench.report.remark(contest.remarks[figure])


def bench_rivals(bench):
    bench.report.title("rivals", "a host guesses over IMAP until it is out; "
                       "\"checked\": passwords let through")
    with contextlib.ExitStack() as stack:
        everybody = contests(bench, stack)

        def in_turns(figure, unit, measure):
            report_contest(bench, figure, unit, everybody, bench.rounds({
                contest.guard.title: lambda contest=contest: measure(contest)
                for contest in everybody}))

        figure = "last failure to refusal"
        in_turns(figure, "ms", lambda contest: contest.reaction_ms(figure))
        figure = "checked, 1 at once"
        in_turns(figure, "", lambda contest: contest.attack(figure))
        figure = f"checked, {AT_ONCE} at once"
        in_turns(figure, "", lambda contest: contest.attack(
            figure, at_once=AT_ONCE))
        # Once, and all guards at the same time: it is one client each, and
        # whoever waits for the end of a connection lets it go on to the last.
        figure = "checked, one connection"
        with ThreadPoolExecutor() as pool:
            runs = {contest.guard.title: pool.submit(contest.attack, figure,
                                                     stays=True)
                    for contest in everybody}
        report_contest(bench, figure, "", everybody, {
            title: [run.result()] for title, run in runs.items()})


def report_fail2ban_restart(bench):
    """As many blocks in fail2ban's own database, and it starts."""
    for guard in present([Fail2ban(bantime="1d")]):
        with guarded_dovecot(bench, guard) as (server, attacker):
            guard.stop()
            hosts = [attacking_host(attacker, n) for n in range(BLOCKS)]
            guard.write_bans(host.address for host in hosts)
            began = time.monotonic()
            guard.launch()
            end = began + RESTART_NEVER_SECS
            secs = None
            while secs is None and time.monotonic() < end:
                time.sleep(RESTART_POLL_SECS)
                if len(guard.banned()) >= BLOCKS:
                    secs = time.monotonic() - began
            in_force = len(guard.banned())
            assert secs is None or refusal(server, hosts[-1])
        bench.report.row("restart", "fail2ban: until enforced, from its start",
                         "s", [secs])
        if secs is None:
            bench.report.remark(f"not within {RESTART_NEVER_SECS} s")
        bench.report.row("restart", "fail2ban: blocks in force then", "",
                         [in_force])
