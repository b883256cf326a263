# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""One user under siege: guesses at one account from many networks put that
account on guard, and nobody else pays for it."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import IN, WRONG, Host, hang_up
from dialect import (HOME, PASSDB_MASTER_USERS, PASSDB_USERS, PASSDB_WARDEN,
                     PASSDB_WARDEN_MASTER, passdb_proxy)
from dovecot import STATE_DIR, WARDEN_DIR
from sasl import SaslClient
from waiting import wait_until

NETWORKS = 6
SETTINGS = {"siege_networks": str(NETWORKS), "siege_time": "1 day",
            "siege_learn": "0"}
STRANGER = Host("127.200.1.1")
NEIGHBOUR = Host("127.0.0.8")    # of innocent, in the same /24
BEGINS = r"warden: account \S+ is on guard \(siege [0-9a-f]{8}\)"
ENDS = r"siege [0-9a-f]{8} has ended: refused"


def status(dovecot):
    record, = dovecot.doveadm("status")
    return record


def besiege(dovecot, user="alice", networks=NETWORKS, first=0):
    """A wrong password over IMAP from each of so many networks."""
    def guess(n):
        return Host(f"127.{100 + n // 250}.{n % 250}.9").try_imap(
            dovecot, user, f"guess-{n}")
    with ThreadPoolExecutor(5) as pool:
        return list(pool.map(guess, range(first, first + networks)))


def wait_guard(dovecot, accounts=1):
    wait_until(lambda: status(dovecot)["on_guard"] == accounts,
               f"{accounts} accounts on guard")


@pytest.fixture
def besieged(new_dovecot, innocent):
    """A factory: a Dovecot where alice and bob have logged in from innocent,
    and alice is on guard."""
    def make(settings=None, **kwargs):
        dovecot = new_dovecot(settings={**SETTINGS, **(settings or {})},
                              **kwargs)
        for user in ("alice", "bob"):
            assert innocent.try_imap(dovecot, user, f"{user}-secret") == IN
        wait_until(lambda: status(dovecot)["logins_hour"] == 2, "the logins")
        assert besiege(dovecot) == [WRONG] * NETWORKS
        dovecot.wait_log("account alice ")
        return dovecot
    return make


# As 2.3 says it, and as 2.4 does.
CHECKED_BY = r"passwd-file\({0}|auth\({0}.*: passwd-file: "


def test_account_on_guard_is_for_known_networks_alone(besieged, innocent):
    dovecot = besieged(config="auth_verbose = yes\n")
    checked = len(dovecot.log_lines(CHECKED_BY.format("alice")))
    assert checked == NETWORKS
    for _ in range(3):
        assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert STRANGER.try_pop3(dovecot, "alice", "alice-secret") == WRONG
    assert STRANGER.try_submission(dovecot, "alice", "wrong") == WRONG
    for host in (innocent, NEIGHBOUR):
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN
        assert host.try_pop3(dovecot, "alice", "alice-secret") == IN
    # Not a password of the stranger's was looked at.
    assert dovecot.log_lines(
        CHECKED_BY.format(f"alice,{STRANGER.address}")) == []
    # Another user is untouched, and the stranger is not blocked for it.
    assert STRANGER.try_imap(dovecot, "bob", "bob-secret") == IN
    assert dovecot.blocked() == {}
    wait_until(lambda: status(dovecot)["refused_siege_hour"] == 5,
               "five refusals")
    why = dovecot.why(STRANGER)
    assert why["points"] == 0 and why["connection"] == "let in"
    assert why["events"].count("refused (account_on_guard) by ") == 5
    assert "by imap" in why["events"]
    assert "alice" not in str(why)
    wait_guard(dovecot)
    said = dovecot.status()
    assert "accounts on guard" in said and "account on guard" in said
    line, = dovecot.log_lines(BEGINS)
    assert "account alice is on guard" in line


def test_refusal_does_not_tell_why(besieged):
    """Nor do the words: the same as for a host that is blocked."""
    dovecot = besieged()
    with SaslClient(dovecot) as postfix:
        refused, fields = postfix.ask(STRANGER.address, "alice",
                                      "alice-secret")
        assert not refused
        blocked = Host("198.51.100.66")
        dovecot.doveadm("block", blocked.address)
        allowed, others = postfix.ask(blocked.address, "bob", "bob-secret")
        assert not allowed
    assert [field for field in fields if field.startswith("reason=")]
    assert [field.replace("alice", "bob") for field in fields] == others


def test_every_way_to_auth_is_guarded(besieged, innocent):
    """Postfix over the socket, IPv6, and a mechanism that sends no
    password."""
    dovecot = besieged()

    def cram(host):
        client = host.imap(dovecot)
        try:
            client.login_cram_md5("alice", "alice-secret")
            return IN
        except client.error:
            return WRONG
        finally:
            hang_up(client)
    with SaslClient(dovecot) as postfix:
        for address in ("198.51.100.1", "2001:db8::1"):
            assert not postfix.ask(address, "alice", "alice-secret")[0]
            assert postfix.ask(address, "bob", "bob-secret")[0]
        assert postfix.ask("127.0.0.200", "alice", "alice-secret")[0]
    assert cram(STRANGER) == WRONG
    assert cram(innocent) == IN


def test_siege_by_a_challenge_mechanism_and_ipv6(new_dovecot, innocent):
    dovecot = new_dovecot(settings=SETTINGS)
    with SaslClient(dovecot) as postfix:
        for address in (innocent.address, "2001:db8:7::1"):
            assert postfix.ask(address, "alice", "alice-secret")[0]
        assert postfix.ask_for_all(
            (f"2001:db8:{n:x}:1::1" for n in range(100, 100 + NETWORKS)),
            "alice", "wrong") == 0
        dovecot.wait_log(BEGINS)
        assert not postfix.ask("2001:db8:6::1", "alice", "alice-secret")[0]
        assert postfix.ask("2001:db8:7:9::1", "alice", "alice-secret")[0]
        assert postfix.ask(innocent.address, "alice", "alice-secret")[0]


def besiege_until_it_begins(dovecot):
    """Where that takes longer than siege_time they are tried again."""
    first = 0
    while not dovecot.log_lines(BEGINS):
        besiege(dovecot, networks=2 * NETWORKS, first=first)
        first += 2 * NETWORKS
        assert first < 200


def test_siege_ends_by_itself(new_dovecot, innocent):
    dovecot = new_dovecot(settings={**SETTINGS, "siege_time": "15 s"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: status(dovecot)["logins_hour"] == 1, "the login")
    besiege_until_it_begins(dovecot)
    wait_until(lambda: dovecot.log_lines(ENDS), "the end", 60)
    begins, ends = dovecot.log_lines(BEGINS), dovecot.log_lines(ENDS)
    assert len(ends) == len(begins) == 1
    name = begins[0].split("(siege ")[1].split(")")[0]
    assert f"siege {name} has ended" in ends[0]
    assert "alice" not in ends[0]
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_guard(dovecot, 0)


def test_siege_outlives_a_restart_and_a_reload(besieged, innocent):
    dovecot = besieged()
    dovecot.restart()
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    service = dovecot.processes("warden")
    assert dovecot.doveadm_raw("reload").returncode == 0
    wait_until(lambda: dovecot.processes("warden") not in ([], service),
               "a new service")
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_guard(dovecot)
    assert dovecot.log_lines(ENDS) == []


def test_known_networks_outlive_a_reboot(new_dovecot, innocent):
    """In the state file, from which it is also known since when; here that is
    made a week and a day."""
    dovecot = new_dovecot(settings={**SETTINGS, "siege_learn": "1 week"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: status(dovecot)["logins_hour"] == 1, "the login")
    assert besiege(dovecot) == [WRONG] * NETWORKS
    dovecot.stop()
    state = dovecot.sandbox.path(f"{STATE_DIR}/state")
    text = state.read_text()
    assert "alice" not in text and len(re.findall("^key ", text, re.M)) == 1
    home, = re.findall("^home .* since=([0-9]+)", text, re.M)
    state.write_text(text.replace(f"since={home}",
                                  f"since={int(home) - 8 * 86400}"))
    shutil.rmtree(dovecot.sandbox.path(WARDEN_DIR))
    dovecot.start()
    assert dovecot.log_lines("on guard") == []
    assert NEIGHBOUR.try_imap(dovecot, "alice", "typo") == WRONG
    assert besiege(dovecot, first=100) == [WRONG] * NETWORKS
    dovecot.wait_log("account alice is on guard")
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.log_lines("no place") == []


@pytest.mark.parametrize("settings", [
    {"siege_networks": "0"}, {"siege_learn": "1 week"}, {"mode": "off"}])
def test_nobody_is_on_guard(new_dovecot, innocent, settings):
    """Switched off; or it is not known yet from where alice logs in."""
    dovecot = new_dovecot(settings={**SETTINGS, **settings})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    besiege(dovecot, networks=2 * NETWORKS)
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.log_lines("on guard") == []


def test_who_never_logged_in_is_not_shut_out(new_dovecot):
    dovecot = new_dovecot(settings=SETTINGS)
    for user in ("alice", "nobody-of-that-name"):
        besiege(dovecot, user, networks=2 * NETWORKS)
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.log_lines("on guard") == []


def test_observe_refuses_nobody(new_dovecot, innocent):
    dovecot = new_dovecot(settings={**SETTINGS, "mode": "observe"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: status(dovecot)["logins_hour"] == 1, "the login")
    besiege(dovecot)
    dovecot.wait_log("account alice would be on guard")
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: "siege=1/1" in status(dovecot)["observed"].split(),
               "what it would have done")
    assert status(dovecot)["refused_siege_hour"] == 0


def test_trusted_webmail_is_never_refused(besieged):
    webmail = Host("127.77.1.5")
    dovecot = besieged(
        config=f"login_trusted_networks = {webmail.address}\n")
    assert webmail.try_imap(dovecot, "alice", "alice-secret") == IN
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG


def test_address_that_a_trusted_proxy_names_counts(new_dovecot):
    """On a backend: the proxy is trusted, and says who its client is."""
    proxy = Host("127.0.0.5")
    dovecot = new_dovecot(settings=SETTINGS, config=(
        f"login_trusted_networks = {proxy.address}\n"))

    def log_in(address, password):
        with proxy.talk(dovecot) as talk:
            talk.until(b"* OK")
            talk.ask(f'1 ID ("x-originating-ip" "{address}")')
            assert talk.until(b"1 ").startswith(b"1 OK")
            talk.say(f"2 LOGIN alice {password}")
            return talk.until(b"2 ").startswith(b"2 OK")
    assert log_in("192.0.2.1", "alice-secret")
    wait_until(lambda: status(dovecot)["logins_hour"] == 1, "the login")
    for n in range(NETWORKS):
        assert not log_in(f"198.51.{n}.1", f"guess-{n}")
    dovecot.wait_log("account alice is on guard")
    assert not log_in("203.0.113.1", "alice-secret")
    assert log_in("192.0.2.99", "alice-secret")


def test_proxy_that_checks_no_password_guards_no_account(new_dovecot,
                                                         innocent):
    back = new_dovecot(warden=False)
    front = new_dovecot(
        settings=SETTINGS, config="login_proxy_max_reconnects = 0\n",
        passdbs=[PASSDB_WARDEN, passdb_proxy(back.ports["imap"])])
    assert innocent.try_imap(front, "alice", "alice-secret") == IN
    assert besiege(front, networks=2 * NETWORKS) == [WRONG] * 2 * NETWORKS
    assert STRANGER.try_imap(front, "alice", "alice-secret") == IN
    assert front.log_lines("on guard|(?i:panic|fatal)") == []


def test_password_in_the_cache_is_not_for_strangers(besieged, innocent):
    dovecot = besieged(config="auth_cache_size = 10M\n")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN


def test_master_user_is_guarded_and_not_his_users(new_dovecot, innocent):
    dovecot = new_dovecot(
        start=False, settings=SETTINGS,
        passdbs=[PASSDB_WARDEN_MASTER, PASSDB_MASTER_USERS, PASSDB_WARDEN,
                 PASSDB_USERS],
        config="auth_master_user_separator = *\n")
    dovecot.sandbox.path(f"{HOME}/masters").write_text("root:master-secret\n")
    dovecot.start()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_imap(dovecot, "alice*root", "master-secret") == IN
    wait_until(lambda: status(dovecot)["logins_hour"] == 2, "the logins")
    besiege(dovecot, "alice*root")
    dovecot.wait_log("account root is on guard")
    assert STRANGER.try_imap(dovecot, "bob*root", "master-secret") == WRONG
    assert innocent.try_imap(dovecot, "bob*root", "master-secret") == IN
    assert STRANGER.try_imap(dovecot, "alice", "alice-secret") == IN


def test_name_cannot_forge_a_log_line(new_dovecot, innocent):
    """A site that allows every character in names."""
    name = "eve is on guard (siege 00000000)\x1b[1m"
    dovecot = new_dovecot(settings=SETTINGS, users={name: "eve-secret"},
                          config="auth_username_chars =\n")
    with SaslClient(dovecot) as postfix:
        assert postfix.ask(innocent.address, name, "eve-secret")[0]
        postfix.ask_for_all(
            (f"198.51.{n}.1" for n in range(NETWORKS)), name, "wrong")
    line, = dovecot.wait_log("is on guard")
    assert "account eve%20is%20on%20guard%20%28siege%2000000000%29%1B%5B1m " \
        "is on guard (siege " in line


def test_events_for_metrics(new_dovecot, innocent):
    dovecot = new_dovecot(
        settings={**SETTINGS, "siege_time": "15 s"},
        config="metric siege {\n  filter = event=warden_siege_began\n}\n"
               "metric siege_over {\n  filter = event=warden_siege_ended\n"
               "  fields = refused\n}\n")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: status(dovecot)["logins_hour"] == 1, "the login")
    besiege_until_it_begins(dovecot)

    def count(metric):
        said = dovecot.doveadm_raw("stats", "dump").stdout
        return [line.split("\t")[2] for line in said.splitlines()
                if line.split("\t")[:2] == [metric, "duration"]]
    wait_until(lambda: count("siege") == ["1"], "the event")
    wait_until(lambda: count("siege_over") == ["1"], "the other event", 60)
