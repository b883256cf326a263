# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Blocks in the kernel's nftables, of network namespaces of their own."""

import json
import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

import netns
from clients import IN, Host
from dovecot import STATE_DIR, WARDEN_DIR
from waiting import holds_for, wait_until

ATTACKER_4 = "192.0.2.66"
ATTACKER_6 = "2001:db8:1:2::66"
SIBLING_6 = "2001:db8:1:2:ffff::1"      # in the same /64
NEIGHBOUR_6 = "2001:db8:1:3::1"
INNOCENT_4 = "192.0.2.7"
NFTABLES = {"nftables": "inet filter warden", "fail_limit": "20"}
MANY = 20000


@pytest.fixture
def wire(new_sandbox):
    server, client = new_sandbox(network=True), new_sandbox(network=True)
    if shutil.which("nft") is None:
        pytest.skip("there is no nft here")
    tried = server.run("nft", "add table inet filter; delete table inet "
                       "filter", check=False)
    if tried.returncode != 0:
        pytest.skip(f"no nftables here: {tried.stderr.strip()}")
    netns.connect(server, client, [
        f"{ATTACKER_4}/24", f"{INNOCENT_4}/24", f"{ATTACKER_6}/32",
        f"{SIBLING_6}/32", f"{NEIGHBOUR_6}/32"])
    return server, client


def skip_if_built_without(dovecot):
    said = dovecot.doveadm_raw("warden", "setup", "--nftables", "--remove")
    if "built without" in said.stderr:
        pytest.skip(said.stderr.strip())


@pytest.fixture
def new_guarded(wire, new_dovecot):
    """A Dovecot with nftables, and its packets."""
    def make(address=netns.SERVER_4, settings=None, setup=True, **kwargs):
        dovecot = new_dovecot(
            sandbox=wire[0], address=address,
            listen=f"{netns.SERVER_4}, {netns.SERVER_6}",
            settings={**NFTABLES, **(settings or {})}, start=False, **kwargs)
        dovecot.configure()
        skip_if_built_without(dovecot)
        if setup:
            dovecot.doveadm("setup", "--nftables", "--apply")
        dovecot.start()
        return dovecot
    return make


def elements(dovecot):
    """{network: seconds that are left of its timeout, None: no timeout}"""
    found = {}
    for name in ("warden4", "warden6"):
        listed = dovecot.sandbox.run("nft", "-j", "list", "set", "inet",
                                     "filter", name, check=False)
        if listed.returncode != 0:
            return None
        described, = [entry["set"]
                      for entry in json.loads(listed.stdout)["nftables"]
                      if "set" in entry]
        for element in described.get("elem", []):
            value, left = element, None
            if isinstance(element, dict) and "elem" in element:
                value, left = element["elem"]["val"], element["elem"]["expires"]
            if isinstance(value, dict):
                prefix = value["prefix"]
                value = f"{prefix['addr']}/{prefix['len']}"
            found[value] = left
    return found


class Packets:
    """Datagrams to a port of the server, who sent one of them first."""

    def __init__(self, wire, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.family, self.client = family, wire[1]
        with wire[0].inside_network():
            self.server = socket.socket(family, socket.SOCK_DGRAM)
        self.server.bind((address, 0))
        self.server.settimeout(10)

    def arrive_from(self, address, witness):
        """One from the witness always does; what was sent before it has
        arrived before it."""
        for source in (address, witness):
            with self.client.inside_network():
                sender = socket.socket(self.family, socket.SOCK_DGRAM)
            with sender:
                sender.bind((source, 0))
                sender.sendto(b"hello", self.server.getsockname()[:2])
        came = []
        while witness not in came:
            came.append(self.server.recvfrom(64)[1][0])
        return came == [address, witness]


@pytest.fixture
def packets(wire):
    made = Packets(wire, netns.SERVER_4)
    yield made
    made.server.close()


def test_packets_of_a_blocked_host_arrive(new_guarded, wire, packets):
    dovecot = new_guarded(settings={"block_time": "2 s"})
    attacker, innocent = Host(ATTACKER_4, wire[1]), Host(INNOCENT_4, wire[1])
    assert packets.arrive_from(ATTACKER_4, INNOCENT_4)
    attacker.guess(dovecot, 2)
    wait_until(lambda: not packets.arrive_from(ATTACKER_4, INNOCENT_4),
               "the packets to be dropped")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: packets.arrive_from(ATTACKER_4, INNOCENT_4),
               "the end of the block")
    assert dovecot.log_lines("Error|Warning") == []


def asked(dovecot, *words):
    """The record, and what a person is told of nftables."""
    # check has another exit code for whom is refused
    record, = json.loads(dovecot.doveadm_raw("-f", "json", "warden",
                                             *words).stdout)
    said = dovecot.doveadm_raw("warden", *words).stdout.splitlines()
    lines = [line for line in said if line.split()[:1] == ["nftables"]]
    return record, " ".join(lines)


def test_why_and_check_tell_who_is_dropped(new_guarded, wire):
    dovecot = new_guarded()
    for what in (ATTACKER_4, "198.51.100.0/24", "2001:db8:1:2::/64"):
        dovecot.doveadm("block", what)
    wait_until(lambda: len(elements(dovecot) or ()) == 3, "the elements")
    for address in (ATTACKER_4, "198.51.100.77", ATTACKER_6):
        for words in (["why", address], ["check", address, "sshd"]):
            record, said = asked(dovecot, *words)
            assert record["nftables"] == "drops"
            assert "packets are dropped, whatever daemon" in said
        assert record["verdict"] == "refused"
    for address in (INNOCENT_4, NEIGHBOUR_6):
        for words in (["why", address], ["check", address, "sshd"]):
            record, said = asked(dovecot, *words)
            assert record["nftables"] == "passes"
            assert "not in warden4 and warden6 of table inet filter" in said
        assert record["verdict"] == "allowed"


def test_why_says_what_the_kernel_has_and_not_the_service(new_guarded, wire):
    dovecot = new_guarded()
    dovecot.kill("warden", signal.SIGSTOP)
    try:
        dovecot.sandbox.run("nft", "add element inet filter warden4 "
                            "{ 203.0.113.9 timeout 1h }")
        record, said = asked(dovecot, "check", "203.0.113.9", "sshd")
        assert (record["nftables"], record["verdict"],
                record["rule"]) == ("drops", "refused", "none")
        dovecot.doveadm("block", ATTACKER_4)
        record, said = asked(dovecot, "why", ATTACKER_4)
        assert (record["nftables"], record["blocked"]) == ("passes", "yes")
        dovecot.sandbox.run("nft", "delete table inet filter")
        record, said = asked(dovecot, "why", ATTACKER_4)
        assert record["nftables"] == "unknown"
        assert "there is no such set in table inet filter" in said
        assert "the service puts them into warden4" in said
    finally:
        dovecot.kill("warden", signal.SIGCONT)


def test_element_outlives_its_block(new_guarded, wire, packets):
    """The kernel takes it out, also when nobody is left to do so."""
    dovecot = new_guarded(settings={"block_time": "4 s"})
    Host(ATTACKER_4, wire[1]).guess(dovecot, 2)
    left = wait_until(lambda: elements(dovecot), "the element")
    assert list(left) == [ATTACKER_4]
    assert 0 < left[ATTACKER_4] <= 5
    master = dovecot.master_pid()
    # nobody starts the service again
    os.kill(master, signal.SIGSTOP)
    dovecot.kill("warden")
    wait_until(lambda: elements(dovecot) == {}, "its end")
    assert packets.arrive_from(ATTACKER_4, INNOCENT_4)
    # nsenter, which started it, has stopped with it
    dovecot.master.send_signal(signal.SIGCONT)
    os.kill(master, signal.SIGCONT)


def test_one_64_is_one_element(new_guarded, wire):
    dovecot = new_guarded(netns.SERVER_6)
    Host(ATTACKER_6, wire[1]).guess(dovecot, 2)
    wait_until(lambda: list(elements(dovecot)) == ["2001:db8:1:2::/64"],
               "the /64")
    packets = Packets(wire, netns.SERVER_6)
    assert not packets.arrive_from(ATTACKER_6, NEIGHBOUR_6)
    assert not packets.arrive_from(SIBLING_6, NEIGHBOUR_6)
    dovecot.doveadm("unblock", SIBLING_6)
    wait_until(lambda: packets.arrive_from(SIBLING_6, NEIGHBOUR_6),
               "the block to be lifted")
    packets.server.close()


def test_flushed_elements_come_back(new_guarded, wire, packets):
    dovecot = new_guarded()
    for what in (ATTACKER_4, "198.51.100.0/24", "2001:db8:5::/48"):
        dovecot.doveadm("block", what)
    wait_until(lambda: len(elements(dovecot)) == 3, "three elements")
    before = set(elements(dovecot))
    dovecot.sandbox.run("nft", "flush", "set", "inet", "filter", "warden4")
    wait_until(lambda: set(elements(dovecot)) == before, "the elements")

    dovecot.sandbox.run("nft", "flush", "ruleset")
    problem = wait_until(lambda: dovecot.problems().get("nftables"),
                         "status to say so")
    assert "doveadm warden setup --nftables --apply" in problem
    assert packets.arrive_from(ATTACKER_4, INNOCENT_4)
    dovecot.doveadm("setup", "--nftables", "--apply")
    wait_until(lambda: set(elements(dovecot)) == before, "the elements")
    assert not packets.arrive_from(ATTACKER_4, INNOCENT_4)
    wait_until(lambda: "nftables" not in dovecot.problems(), "no problem")
    line, = dovecot.log_lines("Error")
    assert "doveadm warden setup --nftables --apply" in line


def test_exempt_network_never_gets_into_a_set(new_guarded):
    dovecot = new_guarded(settings={
        "exempt_networks": "127.0.0.1/32 203.0.113.0/24"})
    assert dovecot.doveadm_raw("warden", "block",
                               "203.0.113.9").returncode != 0
    # private, and around an exempt one
    dovecot.doveadm_raw("warden", "block", "10.1.2.3")
    dovecot.doveadm_raw("warden", "block", "203.0.0.0/16")
    dovecot.doveadm("block", "198.51.100.9")
    wait_until(lambda: set(elements(dovecot)) == {"198.51.100.9"},
               "one element")
    holds_for(lambda: set(elements(dovecot)) == {"198.51.100.9"},
              "only that one", 0.6)


def test_stopped_dovecot_leaves_nobody_shut_out(new_guarded, wire, packets):
    dovecot = new_guarded()
    Host(ATTACKER_4, wire[1]).guess(dovecot, 2)
    wait_until(lambda: list(elements(dovecot)) == [ATTACKER_4], "the element")
    dovecot.stop()
    assert elements(dovecot) == {}
    dovecot.start()
    wait_until(lambda: list(elements(dovecot)) == [ATTACKER_4], "the element")
    assert not packets.arrive_from(ATTACKER_4, INNOCENT_4)


def test_nothing_is_set_up(new_guarded, wire):
    """One line, and everything else works."""
    dovecot = new_guarded(setup=False)
    attacker = Host(ATTACKER_4, wire[1])
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot, "imap")
    wait_until(lambda: dovecot.deny_file() == [ATTACKER_4], "the deny file")
    line, = dovecot.wait_log("nftables")
    assert "inet filter" in line
    assert "nftables" in dovecot.problems()


def test_service_without_the_capability(new_guarded, wire):
    """As where systemd or a container gives Dovecot less."""
    dovecot = new_guarded()
    dovecot.stop()
    # what is started from here on
    dovecot.sandbox.clock = ["setpriv", "--bounding-set", "-net_admin", "--"]
    dovecot.start()
    attacker = Host(ATTACKER_4, wire[1])
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot, "imap")
    wait_until(lambda: dovecot.deny_file() == [ATTACKER_4], "the deny file")
    line, = dovecot.wait_log("nftables")
    assert "CAP_NET_ADMIN" in line
    assert "nftables" in dovecot.problems()
    pid, = dovecot.processes("warden")
    assert capabilities(pid) == {0}


def capabilities(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return {int(value, 16) for value in
            re.findall(r"^Cap(?:Prm|Eff):\t(\w+)$", text, re.M)}


def test_service_keeps_more_than_it_needs(new_guarded, wire, new_dovecot):
    dovecot = new_guarded()
    pid, = dovecot.processes("warden")
    assert capabilities(pid) == {1 << 12}       # CAP_NET_ADMIN
    dovecot.stop()
    dovecot.settings.pop("nftables")
    dovecot.start()
    pid, = dovecot.processes("warden")
    assert capabilities(pid) == {0}
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "libnftables" not in maps


def test_login_and_auth_have_the_library(new_guarded, wire):
    dovecot = new_guarded()
    attacker = Host(ATTACKER_4, wire[1])
    with attacker.talk(dovecot):
        for pid, line in dovecot.all_processes().items():
            maps = Path(f"/proc/{pid}/maps").read_text()
            assert ("libnftables" in maps) == line.endswith("/warden"), line


def write_state(dovecot, hosts):
    """Of a Dovecot that is stopped: its state holds these blocks."""
    until = int(time.time()) + 24 * 3600
    lines = [f"host {host} block={until} offences=1 reason=auth_failed"
             for host in hosts]
    # The file is there and stays the service's.
    with open(dovecot.sandbox.path(f"{STATE_DIR}/state"), "r+",
              encoding="ascii") as file:
        file.truncate()
        file.write("\n".join(["dovecot-warden state 1",
                              f"saved {int(time.time())}", *lines,
                              f"end {len(lines)}"]) + "\n")


def test_restart_with_many_blocks(new_guarded, wire, packets):
    # so large that no part of the table is full
    dovecot = new_guarded(settings={"table_hosts": "524288"})
    Host(ATTACKER_4, wire[1]).guess(dovecot, 2)
    wait_until(lambda: elements(dovecot), "the element")
    dovecot.stop()
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    hosts = [f"198.18.{n // 250}.{n % 250 + 1}" for n in range(MANY * 3 // 4)]
    hosts += [f"2001:db8:{n // 250 + 16:x}:{n % 250:x}::/64"
              for n in range(MANY // 4 - 1)]
    write_state(dovecot, [*hosts, ATTACKER_4])
    dovecot.start()
    wait_until(lambda: not packets.arrive_from(ATTACKER_4, INNOCENT_4),
               "the packets to be dropped", 30)
    wait_until(lambda: len(elements(dovecot)) == MANY, "all elements", 30)
    assert dovecot.log_lines("Error|nftables") == []


@pytest.mark.parametrize("value", ["yes", "arp filter warden",
                                   "inet filter;flush warden"])
def test_bad_value_is_refused_by_name(wire, new_dovecot, value):
    dovecot = new_dovecot(sandbox=wire[0], start=False,
                          settings={"nftables": f'"{value}"'})
    dovecot.configure()
    said = dovecot.doveadm_raw("warden", "setup", "--nftables")
    assert said.returncode != 0
    assert "warden_nftables" in said.stderr


# --- doveadm warden setup --nftables ---------------------------------------

@pytest.fixture
def unstarted(wire, new_dovecot):
    dovecot = new_dovecot(sandbox=wire[0], start=False, settings=NFTABLES)
    dovecot.configure()
    skip_if_built_without(dovecot)
    return dovecot


def ruleset(dovecot):
    return dovecot.sandbox.run("nft", "-s", "list", "ruleset").stdout


def make(dovecot, *words):
    return dovecot.doveadm("setup", "--nftables", *words)[0]


def test_setup_prints_what_nft_takes(unstarted):
    printed = unstarted.doveadm_raw("warden", "setup", "--nftables").stdout
    assert ruleset(unstarted) == ""
    unstarted.sandbox.path("/run/warden.nft").write_text(printed)
    for _ in range(2):
        unstarted.sandbox.run("nft", "-f", "/run/warden.nft")
    by_hand = ruleset(unstarted)
    assert by_hand.count("drop") == 2
    assert make(unstarted, "--apply")["changed"] == "no"
    unstarted.sandbox.run("nft", "flush", "ruleset")
    assert make(unstarted, "--apply")["changed"] == "yes"
    assert ruleset(unstarted) == by_hand


def test_setup_is_idempotent_and_is_taken_back(unstarted):
    theirs = ("table inet filter { set others { type ipv4_addr; elements = "
              "{ 192.0.2.1 } }; chain input { type filter hook input "
              "priority 0; tcp dport 25 accept; }; }")
    for before in ("", theirs):
        unstarted.sandbox.path("/run/theirs.nft").write_text(before)
        unstarted.sandbox.run("nft", "-f", "/run/theirs.nft")
        rules = ruleset(unstarted)
        assert make(unstarted, "--remove")["changed"] == "no"
        assert [make(unstarted, "--apply")["changed"]
                for _ in range(2)] == ["yes", "no"]
        assert ruleset(unstarted) != rules
        # what somebody has taken out of it is put right
        unstarted.sandbox.run("nft", "flush", "chain", "inet", "filter",
                              "warden")
        assert make(unstarted, "--apply")["changed"] == "yes"
        assert [make(unstarted, "--remove")["changed"]
                for _ in range(2)] == ["yes", "no"]
        assert ruleset(unstarted) == rules


def test_setup_as_a_record(unstarted):
    table = unstarted.doveadm_raw("-f", "tab", "warden", "setup", "--nftables")
    head, record = table.stdout.splitlines()
    found = dict(zip(head.split("\t"), record.split("\t")))
    assert (found["table"], found["sets"], found["action"],
            found["changed"]) == ("inet filter", "warden4 and warden6",
                                  "print", "no")
    unstarted.sandbox.run("nft", found["commands"])
    assert make(unstarted, "--apply")["changed"] == "no"


def test_why_without_the_setting(wire, new_dovecot):
    dovecot = new_dovecot(sandbox=wire[0])
    assert asked(dovecot, "why", ATTACKER_4)[1] == ""
    assert asked(dovecot, "check", ATTACKER_4)[0]["nftables"] == ""


def test_setup_without_the_setting(wire, new_dovecot):
    dovecot = new_dovecot(sandbox=wire[0], start=False)
    dovecot.configure()
    said = dovecot.doveadm_raw("warden", "setup", "--nftables", "--apply")
    assert said.returncode != 0
    assert len(said.stderr.strip().splitlines()) == 1
    assert "warden_nftables" in said.stderr
    for words in (["--nftables", "--pam", "sshd"], ["--apply"],
                  ["--nftables", "--apply", "--remove"]):
        said = dovecot.doveadm_raw("warden", "setup", *words)
        assert said.returncode == 64
    assert ruleset(dovecot) == ""
