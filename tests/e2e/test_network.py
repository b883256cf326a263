# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Over a network of its own: IPv6, where one /64 is one host, and hydra, an
attacker that none of us wrote."""

import pytest

import netns
from clients import IN, REFUSED, WRONG, Host
from dialect import PASSDB_USERS, PASSDB_WARDEN
from sasl import SaslClient
from waiting import wait_until
from wrapped import tcpdmatch

ATTACKER_4 = "192.0.2.66"
ATTACKER_6 = "2001:db8:1:2::66"
SIBLING_6 = "2001:db8:1:2:ffff::1"      # in the same /64
NEIGHBOUR_6 = "2001:db8:1:3::1"
INNOCENT_4 = "192.0.2.7"


@pytest.fixture
def wire(new_sandbox):
    """(the server's sandbox, the clients' sandbox)"""
    server, client = new_sandbox(network=True), new_sandbox(network=True)
    netns.connect(server, client, [
        f"{ATTACKER_4}/24", f"{INNOCENT_4}/24", f"{ATTACKER_6}/32",
        f"{SIBLING_6}/32", f"{NEIGHBOUR_6}/32"])
    return server, client


@pytest.fixture
def new_wired(wire, new_dovecot):
    def make(address, **kwargs):
        return new_dovecot(sandbox=wire[0], address=address,
                           listen=f"{netns.SERVER_4}, {netns.SERVER_6}",
                           **kwargs)
    return make


def test_one_64_is_one_host(new_wired, wire):
    dovecot = new_wired(netns.SERVER_6, settings={"fail_limit": "20"})
    attacker, sibling, neighbour = (
        Host(address, wire[1])
        for address in (ATTACKER_6, SIBLING_6, NEIGHBOUR_6))
    assert attacker.try_imap(dovecot, "alice", "wrong") == WRONG
    assert sibling.try_imap(dovecot, "alice", "wrong too") == WRONG
    wait_until(lambda: set(dovecot.blocked()) == {"2001:db8:1:2::/64"},
               "the /64 to be blocked")
    for host in (attacker, sibling):
        assert host.try_imap(dovecot, "alice", "alice-secret") == REFUSED
        assert host.is_refused(dovecot, "pop3")
    assert neighbour.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: dovecot.deny_file() == ["[2001:db8:1:2::]/64"],
               "the deny file")
    dovecot.doveadm("setup")
    for address, access in ((ATTACKER_6, "denied"), (SIBLING_6, "denied"),
                            (NEIGHBOUR_6, "granted")):
        assert tcpdmatch(dovecot.sandbox, "sshd", address) == access
    # Any address of the host names it.
    dovecot.doveadm("unblock", SIBLING_6)
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == IN


def test_sessions_of_one_64_share_a_limit(new_wired, wire):
    dovecot = new_wired(netns.SERVER_6, settings={"session_limit": "2"})
    attacker, sibling, neighbour = (
        Host(address, wire[1])
        for address in (ATTACKER_6, SIBLING_6, NEIGHBOUR_6))
    with attacker.talk(dovecot) as one, sibling.talk(dovecot) as two:
        assert one.line().startswith(b"* OK")
        assert two.line().startswith(b"* OK")
        assert attacker.greeting(dovecot).startswith(b"* BYE")
        assert neighbour.greeting(dovecot).startswith(b"* OK")


def test_mapped_address_is_the_ipv4_host(new_wired, wire):
    dovecot = new_wired(netns.SERVER_4, settings={"fail_limit": "20"})
    with SaslClient(dovecot) as postfix:
        for n in range(2):
            postfix.ask(f"::ffff:{ATTACKER_4}", "alice", f"guess-{n}")
    attacker = Host(ATTACKER_4, wire[1])
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot)


def test_servers_own_address_is_exempt(new_wired, wire):
    """A webmail on the same machine: remote address = local address."""
    dovecot = new_wired(netns.SERVER_4, settings={"fail_limit": "20"})
    webmail = Host(netns.SERVER_4, wire[0])
    webmail.guess(dovecot, 4)
    assert webmail.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.blocked() == {}


@pytest.mark.parametrize("service", ["imap", "pop3"])
@pytest.mark.parametrize("address", [netns.SERVER_4, netns.SERVER_6])
def test_hydra_is_blocked_and_does_not_find_the_password(
        new_wired, wire, service, address):
    dovecot = new_wired(address, settings={"fail_limit": "50"})
    clients = wire[1]
    clients.path("/run/words").write_text(
        "".join(f"guess-{n}\n" for n in range(60)) + "alice-secret\n")
    said = clients.run(
        "hydra", "-I", "-t", "4", "-W", "1", "-c", "0",
        "-l", "alice", "-P", "/run/words", "-f",
        *(["-6"] if ":" in address else []),
        "-s", str(dovecot.ports[service]), address, service,
        check=False, timeout=60)
    assert "alice-secret" not in said.stdout, said.stdout
    host, = dovecot.blocked()
    assert host in (f"{ATTACKER_4}", "2001:db8:1:2::/64",
                    "2001:db8:1:3::/64")
    # It got a handful of guesses, not sixty-one.
    tried = len(dovecot.log_lines(r"auth failed"))
    assert tried < 20
    innocent = Host(INNOCENT_4, clients)
    dovecot.address = netns.SERVER_4
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_hydra_finds_the_password_without_the_warden(new_wired, wire):
    """That hydra fails above is not hydra's fault."""
    dovecot = new_wired(netns.SERVER_4, warden=False)
    clients = wire[1]
    # Not as the last word: once all are handed out, hydra may leave before
    # it has heard about the last ones ("final worker threads did not
    # complete").
    clients.path("/run/words").write_text(
        "".join(f"guess-{n}\n" for n in range(8)) + "alice-secret\n" +
        "".join(f"guess-{n}\n" for n in range(8, 40)))
    said = clients.run(
        "hydra", "-I", "-t", "4", "-W", "1", "-l", "alice", "-P",
        "/run/words", "-f", "-s", str(dovecot.ports["imap"]),
        netns.SERVER_4, "imap", check=False, timeout=60)
    assert "alice-secret" in said.stdout, said.stdout


def test_proxy_that_is_trusted_passes_on_the_clients_address(new_wired, wire):
    """The address can change within a session: the new one counts."""
    dovecot = new_wired(
        netns.SERVER_4, settings={"fail_limit": "20"},
        passdbs=[PASSDB_WARDEN, PASSDB_USERS],
        config=f"login_trusted_networks = {INNOCENT_4}/32\n")
    proxy = Host(INNOCENT_4, wire[1])
    dovecot.doveadm("block", "203.0.113.9")
    with proxy.talk(dovecot) as talk:
        talk.line()
        talk.say('1 ID ("x-originating-ip" "203.0.113.9")')
        talk.until(b"1 ")
        said = talk.ask("2 LOGIN alice alice-secret")
        assert not said.startswith((b"2 OK", b"* CAP")), said
    with proxy.talk(dovecot) as talk:
        talk.line()
        talk.say('1 ID ("x-originating-ip" "203.0.113.10")')
        talk.until(b"1 ")
        talk.say("2 LOGIN alice alice-secret")
        assert talk.until(b"2 ").startswith(b"2 OK")
