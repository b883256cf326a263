# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Auth tells of attempts in debug events, which reach nobody who has not asked
for them. We ask; nobody else may notice, and we must not be forgotten: the
stats process asks too, each time that auth has found it again."""

import difflib
import os
import re
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from clients import IN, WRONG, Host
from dialect import HOME, PASSDB_USERS, VERSION
from dovecot import BASE_DIR
from install import doveconf
from sandbox import Sandbox
from sasl import SaslClient
from test_counting import assert_points
from waiting import wait_until

STATS_SOCKET = f"{BASE_DIR}/stats-writer"
# Auth does not connect to it more often than that.
RECONNECT_SECS = 10

METRICS = """
metric ends {
  filter = event=auth_request_finished
}
metric successes {
  filter = event=auth_request_finished AND success=yes
}
metric answers {
  filter = event=auth_passdb_request_finished
}
metric named {
  filter = event=auth_*_finished
}
metric everything {
  filter = category=auth
}
"""
# These do not want the events of those who fail.
METRIC_OF_SUCCESSES = """
metric successes {
  filter = event=auth_request_finished AND success=yes
}
"""
METRIC_OF_NOTHING = "metric other {\n  filter = event=no_such_event\n}\n"

# Points stay, however long a test takes.
KEEP = {"fail_window": "24 h"}
CRAM_WRONG = "YWxpY2UgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="


# --- What stats knows -------------------------------------------------------

def metrics(dovecot):
    """{name: how many events}"""
    result = dovecot.doveadm_raw("-f", "tab", "stats", "dump")
    if result.returncode != 0:
        return {}
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    name, count = head.index("metric_name"), head.index("count")
    return {row[name]: int(row[count]) for row in rows
            if row[head.index("field")] == "duration"}


def socket_inodes(pid):
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:["):-1])
    return inodes


def auth_is_heard(dovecot):
    """Whether a stats process has accepted auth's connection: then it has
    told which events it wants, or does so at once."""
    auth, = dovecot.processes("auth")
    ours = socket_inodes(auth)
    stats = set().union(*map(socket_inodes, dovecot.processes("stats")))
    for line in dovecot.sandbox.run("ss", "-xHn").stdout.splitlines():
        words = line.split()
        if STATS_SOCKET in words:
            at = words.index(STATS_SOCKET)
            if words[at + 1] in stats and words[at + 3] in ours:
                return True
    return False


def wait_until_heard(dovecot):
    wait_until(lambda: auth_is_heard(dovecot), "auth to find stats",
               3 * RECONNECT_SECS)


# --- Attempts ---------------------------------------------------------------

class Guesser:
    """try_all() fails in each way that there is, from a new address each
    time, and each attempt must have been counted when it is over."""

    def __init__(self, dovecot):
        self.dovecot = dovecot
        self.hosts = (Host(f"127.0.2.{n}") for n in range(1, 250))

    def try_all(self):
        host = next(self.hosts)
        assert host.guess(self.dovecot, 1) == [WRONG]
        assert_points(self.dovecot, host, 10)
        with SaslClient(self.dovecot) as sasl:
            assert not sasl.ask(host.address, "alice", "sasl-guess")[0]
            assert_points(self.dovecot, host, 20)
            assert not sasl.ask(host.address, "nobody", "sasl-guess")[0]
        assert_points(self.dovecot, host, 40)
        # its secret is not known, and so not taken for one that was tried
        with host.talk(self.dovecot) as talk:
            talk.line()
            talk.ask("1 AUTHENTICATE CRAM-MD5")
            assert talk.ask(CRAM_WRONG).startswith(b"1 NO")
        assert_points(self.dovecot, host, 50)

    def try_sasl(self):
        host = next(self.hosts)
        with SaslClient(self.dovecot) as sasl:
            assert not sasl.ask(host.address, "alice", "sasl-guess")[0]
        return host

    def succeed(self):
        host = next(self.hosts)
        assert host.try_imap(self.dovecot, "alice", "alice-secret") == IN
        assert self.dovecot.why(host)["known"] == "yes"


def kill_stats(dovecot, number):
    old = dovecot.kill("stats", number)
    assert old != []
    wait_until(lambda: not set(old) & set(dovecot.processes("stats")),
               "stats to end")


# --- Stats comes and goes ---------------------------------------------------

@pytest.mark.parametrize("number, config", [
    pytest.param(signal.SIGTERM, METRICS, id="term-metrics"),
    pytest.param(signal.SIGKILL, METRIC_OF_SUCCESSES, id="kill-successes"),
    pytest.param(signal.SIGTERM, METRIC_OF_NOTHING, id="term-nothing"),
    pytest.param(signal.SIGKILL, "", id="kill-none"),
])
def test_stats_that_is_killed(new_dovecot, number, config):
    dovecot = new_dovecot(config=config, settings=KEEP)
    guesser = Guesser(dovecot)
    guesser.try_all()
    wait_until_heard(dovecot)
    guesser.try_all()
    auth = dovecot.processes("auth")
    for _ in range(2):
        kill_stats(dovecot, number)
        guesser.try_all()
        wait_until_heard(dovecot)
        guesser.try_all()
        guesser.succeed()
    if config == METRICS:
        before = metrics(dovecot)["ends"]
        guesser.try_all()
        wait_until(lambda: metrics(dovecot)["ends"] == before + 4,
                   "stats to know of each attempt")
    assert dovecot.processes("auth") == auth


def test_stats_that_is_disabled(new_dovecot):
    guesser = Guesser(new_dovecot(config="stats_writer_socket_path =\n",
                                  settings=KEEP))
    guesser.try_all()
    guesser.try_all()
    guesser.succeed()


def test_stats_that_cannot_be_reached(new_dovecot):
    dovecot = new_dovecot(settings=KEEP, config=METRICS + """
service stats {
  unix_listener stats-writer {
    mode = 0
  }
}
""")
    guesser = Guesser(dovecot)
    guesser.try_all()
    guesser.try_all()
    guesser.succeed()
    assert dovecot.processes("stats") == []


@pytest.mark.skipif(VERSION < (2, 3, 14), reason="auth waits without an end")
def test_stats_that_starts_after_auth(new_dovecot):
    """Auth has given up to wait for it, and begun its work."""
    dovecot = new_dovecot(start=False, settings=KEEP,
                          config=METRIC_OF_SUCCESSES + f"""
service stats {{
  executable = {HOME}/late.sh
}}
""")
    libexec = dovecot.sandbox.run("doveconf", "-h", "libexec_dir"
                                  ).stdout.strip()
    script = dovecot.sandbox.path(f"{HOME}/late.sh")
    script.write_text(f"""#!/bin/bash
while [ ! -e {HOME}/go ]; do sleep 0.1; done
exec -a dovecot/stats {libexec}/stats "$@"
""")
    script.chmod(0o755)
    dovecot.start(wait_for_warden=False)
    guesser = Guesser(dovecot)
    # by which rules this one counts is open: the service waits for stats too
    guesser.try_sasl()
    dovecot.wait_log("auth.*Timeout waiting for handshake")
    assert not auth_is_heard(dovecot)
    dovecot.sandbox.path(f"{HOME}/go").touch()
    wait_until_heard(dovecot)
    dovecot.wait_for_service()
    guesser.try_all()
    guesser.succeed()
    wait_until(lambda: metrics(dovecot)["successes"] > 0, "stats to be told")
    guesser.try_all()


@pytest.mark.skipif(VERSION < (2, 3, 17), reason="stats cannot be told to")
def test_stats_that_changes_its_mind(new_dovecot):
    """Other metrics are another list of events for auth, on the connection
    that it has, and on the next."""
    dovecot = new_dovecot(settings=KEEP)
    guesser = Guesser(dovecot)
    guesser.try_all()
    wait_until_heard(dovecot)

    def is_told():
        guesser.try_all()
        return metrics(dovecot)["ours"] > 0
    for event_filter in ("event=auth_request_finished", "category=auth"):
        assert dovecot.doveadm_raw("stats", "add", "ours",
                                   event_filter).returncode == 0
        wait_until(is_told, "auth to be asked for more")
        assert dovecot.doveadm_raw("stats", "remove",
                                   "ours").returncode == 0
        guesser.try_all()
        guesser.try_all()
    assert dovecot.doveadm_raw("stats", "add", "ours",
                               "event=auth_request_finished").returncode == 0
    kill_stats(dovecot, signal.SIGKILL)
    guesser.try_all()
    wait_until_heard(dovecot)
    assert "ours" not in metrics(dovecot)
    guesser.try_all()
    guesser.succeed()


# --- Nobody else notices ----------------------------------------------------

@pytest.fixture(scope="module")
def without_auth_plugin(installed, tmp_path_factory):
    """All but the one library, as what a sandbox needs."""
    modules = Path(doveconf("login_plugin_dir")).parent
    for merged, original in installed.binds:
        if modules.is_relative_to(original):
            source = merged / modules.relative_to(original) / "auth"
    auth = tmp_path_factory.mktemp("modules") / "auth"
    shutil.copytree(source, auth, symlinks=True)
    auth.chmod(0o755)
    ours = [path for path in auth.iterdir() if "warden" in path.name]
    assert ours != []
    for path in ours:
        path.unlink()
    return installed.binds + [(auth, modules / "auth")]


@pytest.fixture
def two_dovecots(new_sandbox, new_dovecot, without_auth_plugin):
    """The same one twice, with the auth plugin and without it."""
    with Sandbox(binds=without_auth_plugin) as without:
        def make(config):
            pair = [new_dovecot(sandbox, passdbs=[PASSDB_USERS],
                                config=config)
                    for sandbox in (new_sandbox(), without)]
            for dovecot in pair:
                log_in_and_fail(dovecot)
            for dovecot, is_loaded in zip(pair, (True, False)):
                auth, = dovecot.processes("auth")
                text = Path(f"/proc/{auth}/maps").read_text()
                assert ("auth_warden" in text) == is_loaded
            return pair
        yield make


def log_in_and_fail(dovecot):
    """Always the same, one attempt after the other."""
    attacker, innocent = Host("127.0.0.66"), Host("127.0.0.7")
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert attacker.try_imap(dovecot, "alice", "wrong-1") == WRONG
    assert attacker.try_imap(dovecot, "nobody", "wrong-2") == WRONG
    assert attacker.try_pop3(dovecot, "bob", "wrong-3", tls=True) == WRONG
    assert innocent.try_pop3(dovecot, "bob", "bob-secret", tls=True) == IN
    with attacker.talk(dovecot) as talk:
        talk.line()
        talk.ask("1 AUTHENTICATE CRAM-MD5")
        assert talk.ask(CRAM_WRONG).startswith(b"1 NO")
        talk.ask("2 LOGOUT")
    client = innocent.imap(dovecot)
    assert client.login_cram_md5("carol", "carol-secret")[0] == "OK"
    client.logout()
    with SaslClient(dovecot) as sasl:
        assert sasl.ask("127.0.0.8", "alice", "alice-secret")[0]
        assert not sasl.ask("127.0.0.9", "alice", "wrong-4")[0]
        assert not sasl.ask("127.0.0.9", "nobody", "wrong-5")[0]
    assert innocent.try_imap(dovecot, "dave", "dave-secret") == IN


# What differs between two runs of the same.
RUN_OF_ITS_OWN = [
    (r"^\w{3} \d\d \d\d:\d\d:\d\d ", ""),
    (r"<\d+><[^>]*>", "<>"),
    (r"<[A-Za-z0-9+/]{12,}>", "<>"),
    (r"\b(CONT\t\d+\t)\S+", r"\1"),
    (r"\b(REQUEST|USER)\t\d+(\t\d+)?", r"\1"),
    (r"\b(session|session_id|resp|rport|lport|in|out)=\S+", r"\1="),
    (r"\b(pid|mpid|session_pid|fd)=\d+", r"\1="),
    (r"\(client-pid \d+\)", "(pid)"),
    # 2.4.5 now and then has forgotten whose session it was
    (r"^(imap|pop3)(\(\w+\)<>(<>)?)?: Info: Disconnected", r"\1: Disconnected"),
    (r"\(\d+\)", "()"),
    (r"\b\d+(\.\d+)? (m|u)?sec(ond)?s?\b", "a while"),
    (r"\b[0-9a-f]{32,}\b", "secret"),
]


def log_of(dovecot):
    """How often each line is there."""
    lines = [line for line in dovecot.log().splitlines()
             if not re.search(r"Module loaded: \S*auth_warden", line)]
    for pattern, instead in RUN_OF_ITS_OWN:
        lines = [re.sub(pattern, instead, line) for line in lines]
    return Counter(lines)


def difference(one, two):
    return "\n".join(difflib.unified_diff(
        sorted(two.elements()), sorted(one.elements()),
        "without the plugin", "with it", n=0, lineterm=""))


def finish(pair):
    """All is said then."""
    for dovecot in pair:
        wait_until(lambda: not dovecot.processes("imap")
                   and not dovecot.processes("pop3"), "sessions to end")
        dovecot.stop()


LOG_SETTINGS = {
    "default": "",
    "auth_verbose": "auth_verbose = yes\n",
    "auth_debug": "auth_debug = yes\n",
    "category": "log_debug = category=auth\n",
    "events": "log_debug = event=auth_request_finished "
              "OR event=auth_passdb_request_finished\n",
    "metrics": METRICS,
}


@pytest.mark.parametrize("name", LOG_SETTINGS)
def test_log_is_the_same(two_dovecots, name):
    pair = two_dovecots(LOG_SETTINGS[name])
    finish(pair)
    logs = [log_of(dovecot) for dovecot in pair]
    assert difference(*logs) == ""
    debug = [line for line in logs[0] if "Debug: " in line]
    if name in ("auth_debug", "category", "events"):
        assert len(debug) > 5
    else:
        assert debug == []


def test_metrics_are_the_same(two_dovecots):
    pair = two_dovecots(METRICS)
    wait_until(lambda: metrics(pair[0]) == metrics(pair[1])
               and metrics(pair[0])["ends"] == 11,
               "stats to know of each attempt")
    counts = metrics(pair[0])
    assert counts["successes"] == 5
    assert counts["answers"] >= 11
    assert counts["named"] > counts["answers"]
    assert counts["everything"] > counts["named"]
