# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""The passdb stanza: as it should be, and as a tired admin may write it.
Nobody gets in who should not, and `status` says what is wrong."""

import pytest

from clients import IN, REFUSED, WRONG, hang_up
from dialect import (HOME, PASSDB_MASTER_USERS, PASSDB_USERS, PASSDB_WARDEN,
                     PASSDB_WARDEN_AGAIN, PASSDB_WARDEN_DENY,
                     PASSDB_WARDEN_MASTER)
from sasl import SaslClient

SETTINGS = {"fail_limit": "20"}

SEPARATOR = "auth_master_user_separator = *\n"

ARRANGEMENTS = {
    "first": [PASSDB_WARDEN, PASSDB_USERS],
    "first with deny": [PASSDB_WARDEN_DENY, PASSDB_USERS],
    "twice": [PASSDB_WARDEN, PASSDB_WARDEN_AGAIN, PASSDB_USERS],
    "second": [PASSDB_USERS, PASSDB_WARDEN],
    "second with deny": [PASSDB_USERS, PASSDB_WARDEN_DENY],
    "missing": [PASSDB_USERS],
    "alone": [PASSDB_WARDEN],
}
every_arrangement = pytest.mark.parametrize(
    "passdbs", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
GOOD = ("first", "first with deny", "twice")


@every_arrangement
def test_nobody_gets_in_without_his_password(new_dovecot, attacker, innocent,
                                             passdbs):
    dovecot = new_dovecot(passdbs=passdbs)
    expected = IN if PASSDB_USERS in passdbs else WRONG
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == expected
    assert innocent.try_imap(dovecot, "alice", "bob-secret") == WRONG
    assert innocent.try_imap(dovecot, "nobody-of-that-name", "x") == WRONG
    with SaslClient(dovecot) as postfix:
        assert not postfix.ask(innocent.address, "alice", "wrong")[0]
        assert not postfix.ask(innocent.address, "nobody-of-that-name",
                               "x")[0]


@every_arrangement
def test_blocked_host_stays_out(new_dovecot, attacker, passdbs):
    dovecot = new_dovecot(passdbs=passdbs)
    dovecot.doveadm("block", attacker.address)
    for user, password in (("alice", "alice-secret"), ("alice", "wrong"),
                           ("nobody-of-that-name", "x")):
        assert attacker.try_imap(dovecot, user, password) == REFUSED
        assert attacker.try_pop3(dovecot, user, password) == REFUSED
    with SaslClient(dovecot) as postfix:
        # Whatever the arrangement: not with a wrong password, nor as a user
        # that is not there.
        assert not postfix.ask(attacker.address, "alice", "wrong")[0]
        assert not postfix.ask(attacker.address, "nobody-of-that-name",
                               "x")[0]


@pytest.mark.parametrize("name", GOOD)
def test_postfix_is_told_no_for_a_blocked_client(new_dovecot, attacker,
                                                 innocent, name):
    dovecot = new_dovecot(settings=SETTINGS, passdbs=ARRANGEMENTS[name])
    with SaslClient(dovecot) as postfix:
        assert postfix.ask(attacker.address, "alice", "alice-secret")[0]
        for n in range(8):    # known now: four times the limit
            assert not postfix.ask(attacker.address, "alice", f"guess-{n}")[0]
        dovecot.wait_blocked(attacker)
        allowed, fields = postfix.ask(attacker.address, "alice",
                                      "alice-secret")
        assert not allowed
        assert [field for field in fields if field.startswith("reason=")]
        assert postfix.ask(innocent.address, "alice", "alice-secret")[0]
        # What came over SMTP also holds for IMAP.
        assert attacker.is_refused(dovecot)
        dovecot.doveadm("unblock", attacker.address)
        assert postfix.ask(attacker.address, "alice", "alice-secret")[0]


def test_refused_attempts_do_not_add_points(new_dovecot, attacker):
    dovecot = new_dovecot(settings=SETTINGS)
    with SaslClient(dovecot) as postfix:
        for n in range(2):
            postfix.ask(attacker.address, "alice", f"guess-{n}")
        before = dovecot.wait_blocked(attacker)["points"]
        for n in range(10):
            assert not postfix.ask(attacker.address, "alice", f"more-{n}")[0]
        after = dovecot.blocked()[attacker.address]
        assert after["points"] == pytest.approx(before, abs=1)
        assert after["offences"] == 1


def test_client_without_address_is_no_host(new_dovecot):
    """doveadm auth test, or a webmail that says nothing."""
    dovecot = new_dovecot(settings=SETTINGS)
    for n in range(4):
        result = dovecot.doveadm_raw("auth", "test", "alice", f"guess-{n}")
        assert "failed" in result.stdout + result.stderr
    assert "succeeded" in dovecot.doveadm_raw(
        "auth", "test", "alice", "alice-secret").stdout
    assert dovecot.blocked() == {}


@pytest.mark.parametrize("name, healthy", [
    ("first", True), ("missing", False), ("second", False)])
def test_status_tells_where_the_stanza_is(new_dovecot, name, healthy):
    dovecot = new_dovecot(passdbs=ARRANGEMENTS[name])
    assert ("passdb" not in dovecot.problems()) == healthy


def master_dovecot(new_dovecot, passdbs):
    dovecot = new_dovecot(start=False, settings=SETTINGS, passdbs=passdbs,
                          config=SEPARATOR)
    dovecot.sandbox.path(f"{HOME}/masters").write_text(
        "root:master-secret\n")
    return dovecot.start()


def test_master_user_of_a_blocked_host_is_refused(new_dovecot, attacker,
                                                  innocent):
    dovecot = master_dovecot(new_dovecot, [
        PASSDB_WARDEN_MASTER, PASSDB_MASTER_USERS, PASSDB_WARDEN,
        PASSDB_USERS])
    assert innocent.try_imap(dovecot, "alice*root", "master-secret") == IN
    assert innocent.try_imap(dovecot, "alice*root", "wrong") == WRONG
    dovecot.doveadm("block", attacker.address)
    assert attacker.try_imap(dovecot, "alice*root", "master-secret") == REFUSED
    with SaslClient(dovecot) as postfix:
        assert postfix.ask(innocent.address, "alice*root",
                           "master-secret")[0]
        assert not postfix.ask(attacker.address, "alice*root",
                               "master-secret")[0]


def test_master_users_without_a_stanza_of_their_own(new_dovecot, attacker):
    """The login plugin still refuses; Postfix is not guarded, which status
    says."""
    dovecot = master_dovecot(new_dovecot, [
        PASSDB_MASTER_USERS, PASSDB_WARDEN, PASSDB_USERS])
    dovecot.doveadm("block", attacker.address)
    assert attacker.try_imap(dovecot, "alice*root", "master-secret") == REFUSED
    assert "master" in dovecot.problems()["passdb"]
    with SaslClient(dovecot) as postfix:
        assert not postfix.ask(attacker.address, "alice*root", "wrong")[0]


def test_challenge_mechanism_of_a_blocked_host_is_refused(new_dovecot,
                                                          attacker, innocent):
    dovecot = new_dovecot()

    def cram(host):
        client = host.imap(dovecot)
        try:
            client.login_cram_md5("alice", "alice-secret")
            return IN
        finally:
            hang_up(client)
    assert cram(innocent) == IN
    with attacker.talk(dovecot) as talk:
        talk.line()
        dovecot.doveadm("block", attacker.address)
        said = talk.ask("1 AUTHENTICATE CRAM-MD5")
        if said.startswith(b"+"):
            said = talk.ask("YWxpY2UgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=")
        assert not said.startswith(b"1 OK")


def test_password_of_a_blocked_client_is_not_looked_at(new_dovecot, attacker):
    """Refused by name of the first database, in Dovecot's own words."""
    dovecot = new_dovecot(config="auth_verbose = yes\n")
    dovecot.doveadm("block", attacker.address)
    with SaslClient(dovecot) as postfix:
        postfix.ask(attacker.address, "alice", "alice-secret")
    assert dovecot.log_lines(r"passwd-file\(alice") == []
