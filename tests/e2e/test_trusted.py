# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""login_trusted_networks: a webmail or proxy is exempt itself, and the client
that it names is judged in its place."""

import os
import time

import pytest

from clients import Host
from dialect import HOME, SERVICE_WRITTEN_OUT
from install import doveconf
from test_sessions import every_model, sessions
from waiting import holds_for, wait_until

PROXY = Host("127.0.0.5")
CLIENT = Host("198.51.100.9")
TRUSTED = f"login_trusted_networks = {PROXY.address}\n"


def name_client(talk, client=CLIENT):
    return talk.ask(f'1 ID ("x-originating-ip" "{client.address}")')


@every_model
@pytest.mark.parametrize("where", ["protocol imap", "remote 127.0.0.5"])
def test_trusted_where_the_setting_is_not_global(new_dovecot, login, where):
    """The service cannot see every place that the setting may stand in."""
    dovecot = new_dovecot(login=login, settings={"session_limit": "3"},
                          config=f"{where} {{\n  {TRUSTED}}}\n")
    with sessions(dovecot, PROXY, 6) as talks:
        assert dovecot.sessions_of(PROXY) == 0
        assert talks[0].ask("1 AUTHENTICATE PLAIN").startswith(b"+")
    wait_until(lambda: len(dovecot.log_lines("rip=127.0.0.5,")) >= 6,
               "all to end")
    assert dovecot.why(PROXY)["points"] == 0
    # Who is named from there is not exempt.
    with sessions(dovecot, PROXY, 1) as (talk,):
        assert name_client(talk).startswith(b"* ID")
        assert talk.until(b"1 ").startswith(b"1 OK")
        assert talk.ask("2 AUTHENTICATE PLAIN").startswith(b"+")
    wait_until(lambda: dovecot.why(CLIENT)["points"] > 19, "the client's")


def test_client_that_is_named_has_the_limit(new_dovecot):
    dovecot = new_dovecot(settings={"session_limit": "2"}, config=TRUSTED)
    with sessions(dovecot, PROXY, 4) as talks:
        for talk in talks[:2]:
            assert name_client(talk).startswith(b"* ID")
        wait_until(lambda: dovecot.sessions_of(CLIENT) == 2, "both")
        name_client(talks[2])
        assert talks[2].until(b"* BYE").startswith(b"* BYE")
        assert talks[3].ask("1 NOOP").startswith(b"1 OK")
    wait_until(lambda: dovecot.sessions_of(CLIENT) == 0, "none to be left")
    assert dovecot.log_lines("Refused by warden") == []


@every_model
def test_blocked_client_behind_a_proxy_writes_no_log(new_dovecot, login):
    dovecot = new_dovecot(login=login, config=TRUSTED)
    with PROXY.talk(dovecot) as early:
        early.line()
        assert name_client(early).startswith(b"* ID")
        assert early.until(b"1 ").startswith(b"1 OK")
        dovecot.doveadm("block", CLIENT.address)
        for _ in range(5):
            with PROXY.talk(dovecot) as talk:
                talk.line()
                name_client(talk)
                talk.say("2 LOGIN alice alice-secret")
                assert not talk.until(b"2 OK")
        # The early one was in, and an admin wants to know what became of it;
        # it ends within a second.
        assert len(dovecot.log_lines("Refused by warden")) <= 1
        early.say("2 NOOP")
        assert early.until(b"2 ") == b""
    assert len(dovecot.wait_log("Refused by warden")) == 1
    assert dovecot.log_lines("(?i)panic|fatal") == []


def test_grace_is_the_named_clients(new_dovecot):
    dovecot = new_dovecot(settings={"login_grace": "2 s"}, config=TRUSTED)
    with PROXY.talk(dovecot) as named, PROXY.talk(dovecot) as proxy:
        for talk in (named, proxy):
            talk.line()
        holds_for(named.is_open, "the proxy's session", 2.5)
        began = time.monotonic()
        name_client(named)
        assert named.until(b"1 ").startswith(b"1 OK")
        assert named.until(b"* BYE").startswith(b"* BYE")
        assert time.monotonic() - began >= 1.5
        assert proxy.ask("1 NOOP").startswith(b"1 OK")


def test_grace_begins_before_there_are_rules(new_dovecot, attacker):
    dovecot = new_dovecot(
        start=False, settings={"login_grace": "2 s"},
        service=SERVICE_WRITTEN_OUT.replace("executable = warden",
                                       f"executable = {HOME}/late"))
    late = dovecot.sandbox.path(f"{HOME}/late")
    late.write_text(f"#!/bin/sh\nuntil [ -e {HOME}/go ]; do sleep 0.1; done\n"
                    f'exec {doveconf("libexec_dir")}/warden "$@"\n')
    os.chmod(late, 0o755)
    dovecot.start(wait_for_warden=False)
    with attacker.talk(dovecot) as talk:
        assert talk.line().startswith(b"* OK")
        holds_for(talk.is_open, "a session without rules", 2.5)
        dovecot.sandbox.path(f"{HOME}/go").touch()
        assert talk.until(b"* BYE").startswith(b"* BYE")
