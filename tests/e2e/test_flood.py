# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A flood of refused connections hurts nobody: not the processes, not the
sessions of others, not the log, not the master."""

import os
import signal
import time

import pytest

from clients import IN, Host
from dialect import login_count
from flooder import Flooder
from test_sessions import PROCESS_MODELS, sessions
from waiting import wait_until

FLOOD_SECS = float(os.environ.get("WARDEN_FLOOD_SECS", "60"))
VARIANT_SECS = min(FLOOD_SECS, 5)
MODELS = {**PROCESS_MODELS, "four-waiting":
          login_count(1) + "  process_min_avail = 4\n"}
FLOODS = [("count-1", FLOOD_SECS), ("unlimited", VARIANT_SECS),
          ("count-2-limit-2", VARIANT_SECS), ("four-waiting", VARIANT_SECS)]
HONEST = "127.0.0.7"
# For a moment: what comes while a process starts up may get one as well.
MORE_PROCESSES = 2


class Watch:
    """What must not change while the flood is on."""

    def __init__(self, dovecot):
        self.dovecot = dovecot
        self.master = dovecot.master_pid()
        self.login_before = self._login_processes()
        self.login_most = self.login_before

    def _login_processes(self):
        return sum(line.split()[0] in ("dovecot/imap-login",
                                       "dovecot/pop3-login")
                   for line in self.dovecot.all_processes().values())

    def look(self):
        assert self.dovecot.master.poll() is None
        assert self.dovecot.master_pid() == self.master
        self.login_most = max(self.login_most, self._login_processes())
        assert self.login_most <= self.login_before + MORE_PROCESSES, \
            f"{self.login_before} login processes became {self.login_most}"


def flood_and_watch(dovecot, attackers, honest, secs, service="imap"):
    """Returns how many connections were refused."""
    with honest.imap(dovecot) as mailbox, \
            sessions(dovecot, honest, 2, service) as waiting, \
            sessions(dovecot, honest, 1, "pop3") as waiting_pop3:
        mailbox.login("alice", "alice-secret")
        # one process that waits for the next client is always there
        with honest.talk(dovecot, service) as talk:
            assert talk.line() != b""
        wait_until(lambda: dovecot.sessions_of(honest) == 3,
                   "the greeting's session to end")
        watch = Watch(dovecot)
        log_before = dovecot.log()
        floods = [Flooder(host, dovecot, service) for host in attackers]
        try:
            end = time.monotonic() + secs
            while time.monotonic() < end:
                watch.look()
                assert mailbox.noop()[0] == "OK"
                assert all(talk.is_open() for talk in waiting + waiting_pop3)
                time.sleep(0.2)
            counts = [flood.stop() for flood in floods]
        finally:
            for flood in floods:
                flood.__exit__()
        assert dovecot.log() == log_before
        # Those who were there before go on; those who come are let in.
        assert waiting[0].ask("1 LOGIN bob bob-secret").startswith(b"1 OK")
        assert waiting_pop3[0].ask("USER bob").startswith(b"+OK")
        assert waiting_pop3[0].ask("PASS bob-secret").startswith(b"+OK")
        assert honest.try_imap(dovecot, "carol", "carol-secret") == IN
        assert mailbox.noop()[0] == "OK"
    for refused, greeted, failed in counts:
        assert greeted == 0
        assert failed <= refused // 100
    return sum(refused for refused, _, _ in counts)


@pytest.mark.parametrize("model, secs", FLOODS,
                         ids=[model for model, _ in FLOODS])
def test_flood_of_a_blocked_host(new_dovecot, attacker, model, secs):
    dovecot = new_dovecot(
        login=MODELS[model] + "  process_limit = 12\n",
        settings={"login_grace": "180 s"})
    dovecot.doveadm("block", attacker.address, "1 h")
    wait_until(lambda: dovecot.log_lines(attacker.address),
               "the block to be logged")
    refused = flood_and_watch(dovecot, [attacker, attacker], Host(HONEST),
                              secs)
    # Usually a hundred times as many; that no process was started for them is
    # what the watch has seen.
    assert refused >= 50 * secs, f"{refused} refused in {secs} s"
    assert dovecot.blocked()[attacker.address]["refused"] == refused


@pytest.mark.parametrize("model, secs", FLOODS,
                         ids=[model for model, _ in FLOODS])
def test_honest_people_log_in_during_a_flood(new_dovecot, attacker, model,
                                             secs):
    dovecot = new_dovecot(
        login=MODELS[model] + "  process_limit = 12\n")
    dovecot.doveadm("block", attacker.address, "1 h")
    honest = Host(HONEST)
    with Flooder(attacker, dovecot) as flood, \
            Flooder(attacker, dovecot, "pop3") as flood_pop3:
        end = time.monotonic() + min(secs, 3)
        while time.monotonic() < end:
            assert honest.try_imap(dovecot, "alice", "alice-secret") == IN
            assert honest.try_imap(dovecot, "alice", "alice-secret",
                                   tls=True) == IN
            assert honest.try_pop3(dovecot, "bob", "bob-secret") == IN
        for refused, greeted, failed in (flood.stop(), flood_pop3.stop()):
            assert refused > 100 and greeted == 0 and failed == 0
    assert dovecot.log_lines("(?i)panic|fatal|queue full|error") == []
    assert [line for line in dovecot.log_lines("imap-login|pop3-login")
            if honest.address not in line] == []


def test_flood_at_the_tls_port(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"login_grace": "180 s"})
    dovecot.doveadm("block", attacker.address, "1 h")
    wait_until(lambda: dovecot.log_lines(attacker.address),
               "the block to be logged")
    flood_and_watch(dovecot, [attacker], Host(HONEST), VARIANT_SECS, "imaps")


@pytest.mark.parametrize("model, secs", FLOODS,
                         ids=[model for model, _ in FLOODS])
def test_flood_over_the_session_limit(new_dovecot, attacker, model, secs):
    """Not blocked, only too many: that must not start processes either. The
    flooder takes the words of farewell for a greeting."""
    dovecot = new_dovecot(
        login=MODELS[model] + "  process_limit = 20\n",
        settings={"session_limit": "2", "login_grace": "180 s"})
    with sessions(dovecot, attacker, 2):
        attacker.greeting(dovecot)
        watch = Watch(dovecot)
        before = dovecot.log()
        with Flooder(attacker, dovecot) as flood:
            end = time.monotonic() + min(secs, 3)
            while time.monotonic() < end:
                watch.look()
                time.sleep(0.1)
            refused, greeted, failed = flood.stop()
        assert refused + greeted > 100 and failed == 0
        assert dovecot.log() == before
        assert Host(HONEST).try_imap(dovecot, "alice", "alice-secret") == IN


def kill_login(dovecot):
    dovecot.kill("imap-login")


def reload(dovecot):
    os.kill(dovecot.master_pid(), signal.SIGHUP)


def kill_auth(dovecot):
    dovecot.kill("auth")


def kill_service(dovecot):
    dovecot.kill("warden")


# How many are refused at least while there are three of these. Dovecot itself
# pauses after a reload, and after login processes were killed, with and without
# the warden; it does not for the others.
@pytest.mark.parametrize("disturb, at_least", [
    (kill_login, 20), (reload, 20), (kill_auth, 50), (kill_service, 50)])
@pytest.mark.parametrize("login", MODELS.values(), ids=MODELS.keys())
def test_disturbed_flood(new_dovecot, attacker, login, disturb, at_least):
    """Kills and reloads while refusals go on: the master's accounts of its
    processes stay right, and the block stays."""
    dovecot = new_dovecot(login=login + "  process_limit = 12\n")
    dovecot.doveadm("block", attacker.address, "1 h")
    master = dovecot.master_pid()
    with Flooder(attacker, dovecot) as flood:
        for _ in range(3):
            wait_until(lambda: dovecot.processes("imap-login"), "a process")
            disturb(dovecot)
            time.sleep(0.3)
        refused, greeted, _ = flood.stop()
    assert refused > at_least and greeted == 0
    assert dovecot.master_pid() == master
    honest = Host(HONEST)
    wait_until(lambda: honest.try_imap(dovecot, "alice", "alice-secret")
               == IN, "an honest login")
    assert attacker.is_refused(dovecot)
    wait_until(lambda: len(dovecot.processes("imap-login")) <= 5,
               "the processes to be few again")
    # As if nothing had been.
    with Flooder(attacker, dovecot) as flood:
        time.sleep(1)
        refused, greeted, failed = flood.stop()
    assert refused > 50 and greeted == failed == 0
    assert len(dovecot.processes("imap-login")) <= 5
    assert dovecot.log_lines("(?i)panic|queue full") == []


def test_reload_while_every_client_is_the_last_but_one(new_dovecot, attacker):
    """Processes that serve two clients in all, both at once, are retired all
    the time, and the master is told: coming back from that would end it."""
    # the honest client opens as many sessions as the machine can, and leaves
    # half of them without a word
    dovecot = new_dovecot(login=login_count(2, 2) + "  process_limit = 12\n",
                          settings={"points": "idle=0"})
    dovecot.doveadm("block", attacker.address, "1 h")
    master = dovecot.master_pid()
    honest = Host(HONEST)
    secs = VARIANT_SECS
    with Flooder(attacker, dovecot) as flood, \
            Flooder(attacker, dovecot) as another:
        for part in range(2):
            end = time.monotonic() + secs / 2
            while time.monotonic() < end:
                with sessions(dovecot, honest, 1):
                    assert honest.try_imap(dovecot, "alice",
                                           "alice-secret") == IN
            if part == 0:
                reload(dovecot)
                wait_until(lambda: honest.try_imap(
                    dovecot, "alice", "alice-secret") == IN,
                    "a login after the reload")
        for refused, greeted, _ in (flood.stop(), another.stop()):
            assert refused > 100 and greeted == 0
    assert dovecot.master_pid() == master
    assert dovecot.log_lines("(?i)panic|fatal|queue full") == []
