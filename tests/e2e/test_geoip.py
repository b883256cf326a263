# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Where clients come from: countries are refused before a password is checked,
neighbours of blocked hosts pay more, and a database that is missing, broken or
replaced costs nobody his mail."""

import os
import signal

import pytest

import mmdb
from clients import IN, REFUSED, WRONG, Host
from dialect import HOME, IS_2_3
from dovecot import WARDEN_DIR
from waiting import wait_until

COUNTRIES, SYSTEMS = "/run/country.mmdb", "/run/asn.mmdb"
# It looks the same for two seconds, is read, and the machine may be busy.
IN_FORCE_SECS = 30
AT_HOME, ABROAD = Host("127.20.0.1"), Host("127.30.0.1")
WORLD = {"127.20.0.0/16": mmdb.country("XA"),
         "127.30.0.0/16": mmdb.country("XB")}
NETS = {"127.20.0.0/16": mmdb.system(64500),
        "127.30.0.0/16": mmdb.system(64501)}


def put(sandbox, path, networks=None, kind="GeoLite2-Country"):
    mmdb.make(sandbox.path(path), WORLD if networks is None else networks,
              kind)


@pytest.fixture
def abroad_refused(new_dovecot, new_sandbox):
    """A factory: a Dovecot whose database has AT_HOME and ABROAD, and that
    refuses the latter."""
    def make(settings=None, known=True, **kwargs):
        sandbox = new_sandbox()
        put(sandbox, COUNTRIES)
        dovecot = new_dovecot(
            sandbox=sandbox,
            settings={"geoip_country": COUNTRIES, "countries_refused": "XB",
                      **(settings or {})}, **kwargs)
        if known:
            wait_known(dovecot, ABROAD, "XB")
        return dovecot
    return make


def wait_known(dovecot, host, letters):
    wait_until(lambda: dovecot.why(host)["country"] == letters,
               f"{host} to be in {letters or 'no country'}", IN_FORCE_SECS)


def status(dovecot):
    record, = dovecot.doveadm("status")
    return record


def geoip_check(dovecot):
    return status(dovecot)["check_geoip"]


def block(dovecot, networks, first=0):
    """Three wrong passwords each, which is one too many, from hosts of these
    /24 networks."""
    hosts = [Host(f"{network}.{10 + first}") for network in networks]
    for host in hosts:
        host.guess(dovecot, 3)
    for host in hosts:
        dovecot.wait_blocked(host)
    return hosts


# --- Countries -------------------------------------------------------------------

def test_refused_country_gets_no_password_checked(abroad_refused):
    dovecot = abroad_refused(config="auth_verbose = yes\n")
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert ABROAD.try_pop3(dovecot, "alice", "alice-secret") == REFUSED
    assert AT_HOME.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.log_lines(f"alice,{ABROAD.address}") == []
    wait_until(lambda: status(dovecot)["refused_country_hour"] == 2,
               "the refusals to be counted")
    why = dovecot.why(ABROAD)
    assert why["connection"] == "refused" and why["rule"] == "country"
    said = dovecot.doveadm_raw("warden", "why", ABROAD.address).stdout
    assert "it is in XB, and warden_countries_refused has that" in said
    # and nobody is blocked for it
    assert dovecot.blocked() == {}
    assert not dovecot.deny_file()


def test_first_password_of_a_session_that_was_open_is_not_checked(
        abroad_refused):
    """The rule comes into force while the client is connected."""
    dovecot = abroad_refused({"countries_refused": ""}, known=False)
    wait_known(dovecot, ABROAD, "XB")
    with ABROAD.talk(dovecot, "imap") as talk:
        talk.line()
        dovecot.settings["countries_refused"] = "XB"
        dovecot.configure()
        reload_dovecot(dovecot)
        wait_until(lambda: dovecot.why(ABROAD)["rule"] == "country",
                   "the rule", IN_FORCE_SECS)
        answer = talk.ask("a login alice alice-secret")
        assert not answer.startswith(b"a OK")


def reload_dovecot(dovecot):
    old = dovecot.processes("warden")
    os.kill(dovecot.master_pid(), signal.SIGHUP)
    wait_until(lambda: len(dovecot.processes("warden")) == 1
               and dovecot.processes("warden") != old, "the new service", 20)


def test_only_allowed_countries_are_let_in(abroad_refused):
    dovecot = abroad_refused({"countries_refused": "",
                              "countries_allowed": "XA XC"})
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert AT_HOME.try_imap(dovecot, "alice", "alice-secret") == IN
    # of no country
    assert Host("127.40.0.1").try_imap(dovecot, "bob", "bob-secret") == IN
    said = dovecot.doveadm_raw("warden", "why", ABROAD.address).stdout
    assert "it is in XB, and warden_countries_allowed has not" in said


def test_exempt_client_may_come_from_a_refused_country(abroad_refused):
    dovecot = abroad_refused(
        {"exempt_networks": f"127.0.0.1/32 {ABROAD.address}"})
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == IN
    assert Host("127.30.0.2").try_imap(dovecot, "alice",
                                       "alice-secret") == REFUSED


def test_observed_country_is_let_in_and_told(abroad_refused):
    dovecot = abroad_refused({"rule_modes": "country=observe"})
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == IN
    wait_until(lambda: status(dovecot)["observed"] == "country=1/1",
               "what it would have done")
    assert status(dovecot)["refused_hour"] == 0


@pytest.mark.parametrize("settings, said", [
    ({"countries_refused": "Germany"}, "'Germany' is not a country"),
    ({"countries_allowed": "XB"}, "XB is in warden_countries_allowed"),
    ({"geoip_country": ""}, "needs a database, set warden_geoip_country"),
    ({"neighbour_factor": "11"}, "not a number from 1 to 10"),
])
def test_mistake_is_named_and_mail_goes_on(new_dovecot, settings, said):
    dovecot = new_dovecot(
        settings={"geoip_country": COUNTRIES, "countries_refused": "XB",
                  **settings}, start=False)
    if IS_2_3:
        dovecot.start()
        dovecot.wait_log(said)
        assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == IN
    else:
        dovecot.configure()
        told = dovecot.sandbox.run("doveconf", "-c", f"{HOME}/dovecot.conf",
                                   "-n", check=False)
        assert told.returncode != 0 and said in told.stderr


# --- Databases -------------------------------------------------------------------

def test_database_that_is_missing_is_one_line_and_comes_later(new_dovecot):
    dovecot = new_dovecot(settings={"geoip_country": COUNTRIES,
                                    "countries_refused": "XB"})
    dovecot.wait_log(f"{COUNTRIES}: ")
    wait_until(lambda: "cannot be used" in geoip_check(dovecot), "the check")
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == IN
    assert len(dovecot.log_lines(f"{COUNTRIES}: ")) == 1
    put(dovecot.sandbox, COUNTRIES)
    wait_known(dovecot, ABROAD, "XB")
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    wait_until(lambda: geoip_check(dovecot) == "ok", "the check")


def test_newer_database_is_in_force_without_a_reload(abroad_refused):
    dovecot = abroad_refused()
    before = dovecot.processes("warden")
    put(dovecot.sandbox, COUNTRIES, {"127.20.0.0/16": mmdb.country("XB"),
                                     "127.30.0.0/16": mmdb.country("XA")})
    wait_known(dovecot, ABROAD, "XA")
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == IN
    assert AT_HOME.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert dovecot.processes("warden") == before
    assert len(dovecot.log_lines("countries and autonomous systems")) == 2


def damage_none(path):
    path.unlink()


def damage_cut(path):
    """In place: who has it mapped reads beyond its end."""
    os.truncate(path, path.stat().st_size // 2)


def damage_empty(path):
    os.truncate(path, 0)


def damage_text(path):
    path.write_text("<html>Too many requests</html>\n" * 50)


def damage_tree(path):
    data = bytearray(path.read_bytes())
    data[:64] = b"\xff" * 64
    path.write_bytes(data)


def damage_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [
    damage_none, damage_cut, damage_empty, damage_text, damage_tree,
    damage_directory])
def test_broken_database_leaves_what_it_said_before(abroad_refused, damage):
    dovecot = abroad_refused()
    before = dovecot.processes("warden")
    damage(dovecot.sandbox.path(COUNTRIES))
    line = f"{COUNTRIES}: .*what it said before stays in force"
    dovecot.wait_log(line)
    wait_until(lambda: "cannot be used" in geoip_check(dovecot), "the check")
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert AT_HOME.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.processes("warden") == before
    assert len(dovecot.log_lines(line)) == 1


def test_large_database_gets_the_room_that_it_needs(abroad_refused, innocent):
    """More than the file has room for: the service starts anew, once, and
    those who have the old file mapped give way to others."""
    dovecot = abroad_refused()
    with innocent.talk(dovecot, "imap") as talk:
        assert talk.line().startswith(b"* OK")
        assert talk.ask("a login alice alice-secret").startswith(
            (b"* CAPABILITY", b"a OK"))
        networks = {f"127.{a}.{b}.0/24": mmdb.country("XB" if b % 2 else "XA")
                    for a in range(60, 100) for b in range(256)}
        put(dovecot.sandbox, COUNTRIES, networks)
        dovecot.wait_log("need more room, starting anew")
        far = Host("127.99.255.1")
        wait_known(dovecot, far, "XB")
        assert far.try_imap(dovecot, "alice", "alice-secret") == REFUSED
        assert Host("127.99.254.1").try_imap(dovecot, "alice",
                                             "alice-secret") == IN
        assert talk.ask("b noop").startswith(b"b OK")
        assert innocent.try_imap(dovecot, "bob", "bob-secret") == IN
    assert len(dovecot.log_lines("need more room")) == 1
    # after a boot there is room at once
    dovecot.stop()
    dovecot.sandbox.reboot()
    dovecot.start()
    wait_known(dovecot, far, "XB")
    assert len(dovecot.log_lines("need more room")) == 1
    # so much is kept, also where less is needed
    size = dovecot.sandbox.path(f"{WARDEN_DIR}/origins").stat().st_size
    put(dovecot.sandbox, COUNTRIES)
    wait_known(dovecot, ABROAD, "XB")
    assert dovecot.sandbox.path(
        f"{WARDEN_DIR}/origins").stat().st_size == size


def test_one_file_tells_country_and_system(new_dovecot, new_sandbox):
    """As IPinfo has it: the same path in both settings."""
    sandbox = new_sandbox()
    put(sandbox, SYSTEMS, {"127.30.0.0/16": mmdb.ipinfo("XB", 64501)},
        "ipinfo ipinfo_lite.mmdb")
    dovecot = new_dovecot(sandbox=sandbox, settings={
        "geoip_country": SYSTEMS, "geoip_asn": SYSTEMS,
        "countries_refused": "XB"})
    wait_known(dovecot, ABROAD, "XB")
    assert dovecot.why(ABROAD)["as"] == 64501
    assert ABROAD.is_refused(dovecot)


def test_service_killed_while_it_reads_begins_anew(abroad_refused):
    dovecot = abroad_refused()
    for _ in range(3):
        put(dovecot.sandbox, COUNTRIES)
        dovecot.kill("warden")
        dovecot.wait_for_service()
    assert ABROAD.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    wait_until(lambda: geoip_check(dovecot) == "ok", "the check")


# --- Neighbours ------------------------------------------------------------------

def test_neighbours_of_blocked_hosts_pay_more(new_dovecot, new_sandbox):
    """Ten hosts of one AS are blocked, each in a network of its own."""
    sandbox = new_sandbox()
    put(sandbox, SYSTEMS, NETS, "GeoLite2-ASN")
    dovecot = new_dovecot(sandbox=sandbox, settings={
        "geoip_asn": SYSTEMS, "fail_limit": "30"})
    wait_until(lambda: dovecot.why(ABROAD)["as"] == 64501, "the database",
               IN_FORCE_SECS)
    known = Host("127.30.200.1")
    assert known.try_imap(dovecot, "alice", "alice-secret") == IN
    block(dovecot, [f"127.30.{n}" for n in range(10)])
    wait_until(lambda: "AS64501 (10)" in status(dovecot)["neighbourhoods"],
               "the neighbourhood", IN_FORCE_SECS)
    newcomer = Host("127.30.100.1")
    assert "AS64501: 10 hosts of it are blocked" in \
        dovecot.why(newcomer)["neighbours"]
    # twice ten points, twice, where three times ten are the limit
    newcomer.guess(dovecot, 2)
    dovecot.wait_blocked(newcomer)
    # not who is known, nor those of another AS
    for host in (known, AT_HOME):
        host.guess(dovecot, 2)
        wait_until(lambda host=host: dovecot.record(host)["points"] != "0.0",
                   "the points")
        assert not host.is_refused(dovecot)


def test_network_needs_no_database(new_dovecot):
    dovecot = new_dovecot(settings={"fail_limit": "30"})
    block(dovecot, ["127.30.0"], 0)
    block(dovecot, ["127.30.0"], 1)
    block(dovecot, ["127.30.0"], 2)
    wait_until(lambda: status(dovecot)["neighbourhoods"]
               == "127.30.0.0/24 (3)", "the neighbourhood", IN_FORCE_SECS)
    newcomer = Host("127.30.0.99")
    newcomer.guess(dovecot, 2)
    dovecot.wait_blocked(newcomer)
    assert dovecot.doveadm_raw("warden", "unblock", "--all").returncode == 0
    wait_until(lambda: status(dovecot)["neighbourhoods"] == "",
               "its end", IN_FORCE_SECS)
    assert newcomer.try_imap(dovecot, "alice", "wrong") == WRONG
