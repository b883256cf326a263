# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A login process that an attacker has taken over writes what it likes into
the table of hosts. It may lose blocks and make some up, since those counters
are what it can write; it must not hurt anybody who reads them, change a rule,
or get anything else than addresses into the deny file."""

import ipaddress
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

from clients import IN, REFUSED, WRONG, Host
from dovecot import WARDEN_DIR
from scribbler import Scribbler
from waiting import wait_until

HOSTILE_SECS = float(os.environ.get("WARDEN_HOSTILE_SECS", "8"))
EXEMPT = ("127.0.0.1/32", "203.0.113.0/24")
SETTINGS = {"fail_limit": "20", "table_hosts": "1024", "block_time": "10 s",
            "exempt_networks": " ".join(EXEMPT)}
# In the file `policy`, behind its header, what changes while the rules stay as
# they are: a word, and what the service has counted of neighbourhoods, as many
# as it finds hosts in the table that are blocked. There are two copies, at the
# end.
HEARTBEAT = slice(128, 136)
COUNTED = slice(188, 192)
NEIGHBOURHOODS_SIZE = 2 * (8 + 256 * 16)
KILLS = 4
DEATHS = r"(?i)panic|fatal|throttling"


def new_seed():
    seed = os.environ.get("WARDEN_TEST_SEED",
                          str(random.SystemRandom().getrandbits(32)))
    print(f"WARDEN_TEST_SEED={seed}")
    return seed


def rules(dovecot):
    content = bytearray(
        dovecot.sandbox.path(f"{WARDEN_DIR}/policy").read_bytes())
    content[HEARTBEAT] = bytes(8)
    content[COUNTED] = bytes(4)
    return bytes(content[:-NEIGHBOURHOODS_SIZE])


def check_deny_line(line):
    if line.startswith("["):
        address, rest = line[1:].split("]")
        network = ipaddress.IPv6Network(address + (rest or "/128"))
        assert str(network.network_address) == address
    else:
        network = ipaddress.IPv4Network(line)
        assert str(network.network_address) == line.split("/")[0]
    for exempt in EXEMPT:
        other = ipaddress.ip_network(exempt)
        assert other.version != network.version \
            or not other.overlaps(network), line


class Traffic:
    """Clients, admins and whoever reads the deny file, each over and over;
    what must hold meanwhile is asserted in them."""

    def __init__(self, dovecot):
        self.dovecot = dovecot
        self.exempt = Host("127.0.0.1")
        self.honest = Host("127.0.0.7")
        self.crowd = [Host(f"127.0.0.{n}") for n in range(60, 70)]
        self.done = dict.fromkeys(
            ("exempt", "honest", "crowd", "admin", "deny"), 0)
        self.deny_lines = 0

    def run_exempt(self):
        """Nothing that is written into the table refuses him."""
        for result in (
                self.exempt.try_imap(self.dovecot, "alice", "alice-secret"),
                self.exempt.try_pop3(self.dovecot, "bob", "bob-secret")):
            assert result == IN

    def run_honest(self):
        """A block of his own may be made up, and nothing else."""
        assert self.honest.try_imap(self.dovecot, "carol",
                                    "carol-secret") in (IN, WRONG, REFUSED)

    def run_crowd(self):
        number = self.done["crowd"]
        host = self.crowd[number % len(self.crowd)]
        assert host.try_imap(self.dovecot, "alice",
                             f"guess-{number}") in (WRONG, REFUSED)

    def run_admin(self):
        host = self.crowd[self.done["admin"] % len(self.crowd)].address
        for words in (("status",), ("list", "--all"), ("why", host),
                      ("block", host), ("unblock", host),
                      ("unblock", "--all"), ("check", host)):
            said = self.dovecot.doveadm_raw("warden", *words)
            # a signal is 128 and more; that a file is being put right is
            # said in a line
            assert 0 <= said.returncode < 128, (words, said)
            assert "panic" not in said.stderr.lower()

    def run_deny(self):
        lines = self.dovecot.deny_file() or []
        for line in lines:
            check_deny_line(line)
        self.deny_lines += len(lines)
        time.sleep(0.02)

    def _repeat(self, name, end):
        step = getattr(self, f"run_{name}")
        while time.monotonic() < end:
            step()
            self.done[name] += 1

    def run(self, secs):
        end = time.monotonic() + secs
        with ThreadPoolExecutor(len(self.done)) as pool:
            for job in [pool.submit(self._repeat, name, end)
                        for name in self.done]:
                job.result()
        print(self.done, "deny lines:", self.deny_lines)
        assert all(self.done.values()), self.done
        assert self.deny_lines > 0


def check_watched_again(dovecot, attacker, innocent):
    """Hosts of which the table knew nothing before."""
    wait_until(dovecot.service_is_alive, "a table that can be opened")
    dovecot.doveadm("unblock", "--all")

    def is_blocked_for_guesses():
        attacker.guess(dovecot, 3)
        return attacker.address in dovecot.blocked()
    # auth starts anew if its table was replaced or could not be opened, as
    # soon as nobody is just logging in: hence the pauses
    wait_until(is_blocked_for_guesses, "an attacker to be blocked", 60,
               interval_secs=2)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    wait_until(lambda: attacker.address in dovecot.deny_file(),
               "the deny file to say so")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_random_words_in_the_table_hurt_nobody(new_dovecot):
    seed = new_seed()
    dovecot = new_dovecot(settings={**SETTINGS,
                                    "exempt_networks": EXEMPT[0]})
    # in the table they are blocked, and then they are exempt
    dovecot.doveadm("block", "203.0.113.9")
    dovecot.doveadm("block", "198.51.100.9")
    dovecot.settings = SETTINGS
    dovecot.restart()
    wait_until(lambda: dovecot.deny_file() == ["198.51.100.9"],
               "the deny file without the exempt host")
    # auth and its table are there before the first word is written
    assert Host("127.0.0.1").try_imap(dovecot, "alice", "alice-secret") == IN
    before = {name: dovecot.processes(name) for name in ("warden", "auth")}
    assert all(before.values())
    policy = rules(dovecot)

    with Scribbler(dovecot.sandbox.path(f"{WARDEN_DIR}/hosts"),
                   seed) as scribbler:
        Traffic(dovecot).run(HOSTILE_SECS)
    print(f"{scribbler.words} words")
    assert scribbler.words > 0 and scribbler.files == 1

    assert rules(dovecot) == policy
    assert {name: dovecot.processes(name) for name in before} == before
    assert dovecot.log_lines(DEATHS) == []
    # told once, not for each word
    assert len(dovecot.wait_log("had changed its header")) == 1
    check_watched_again(dovecot, Host("127.0.0.166"), Host("127.0.0.107"))


def test_service_that_starts_amid_random_headers_makes_a_good_one(
        new_dovecot):
    seed = new_seed()
    dovecot = new_dovecot(settings=SETTINGS)
    # auth and its table are there before the first word is written
    assert Host("127.0.0.1").try_imap(dovecot, "alice", "alice-secret") == IN
    path = dovecot.sandbox.path(f"{WARDEN_DIR}/hosts")
    with Scribbler(path, seed, "header") as scribbler:
        for _ in range(KILLS):
            killed = dovecot.kill("warden")
            assert killed
            wait_until(lambda: not set(dovecot.processes("warden"))
                       & set(killed) and dovecot.processes("warden"),
                       "another warden")
            # at most one is lost: auth starts anew for a new table as soon as
            # nobody is logging in, and one may just have begun to
            assert IN in [Host("127.0.0.1").try_imap(dovecot, "alice",
                                                     "alice-secret")
                          for _ in range(2)]
    print(f"{scribbler.words} words, {scribbler.files} files")
    # those that were killed here, and no other
    assert len(dovecot.wait_log(DEATHS, KILLS)) == KILLS
    check_watched_again(dovecot, Host("127.0.0.166"), Host("127.0.0.107"))
