# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""05-warden.conf, as it is installed, makes a guarded Dovecot out of one that
reads conf.d; and what it promises in comments and metrics is so."""

import re
import shutil
import urllib.request
from pathlib import Path

import pytest

from clients import IN, WRONG
from dialect import (HOME, IS_2_3, PASSDB_USERS, VERSION,
                     warden_settings)
from test_manual import known_settings
from waiting import wait_until

SOURCE = Path(__file__).resolve().parents[2]
CONF_D = f"{HOME}/conf.d"
# Before, what a scrape has of a metric is how often.
HAS_FIELDS_IN_OPENMETRICS = VERSION >= (2, 3, 21)
# Attackers come from 127.0.0.x, which is exempt by default.
LOCAL = {"exempt_networks": "127.0.0.1/32"}


@pytest.fixture(scope="module")
def shipped(installed):
    path, = [Path(name) for name in installed.files()
             if Path(name).name == "05-warden.conf"]
    # Where it would be in force it does not get by itself.
    assert "share" in path.parts and "etc" not in path.parts
    return installed.stage / str(path).lstrip("/")


@pytest.fixture
def new_shipped(new_dovecot, shipped):
    """A factory: local goes into 06-local.conf, before into the main file
    ahead of conf.d, edit changes the shipped file."""
    def make(local=None, before="", edit=None, start=True):
        dovecot = new_dovecot(
            warden=False, passdbs=[], start=False,
            config=f"{before}\n!include conf.d/*.conf\n")
        conf_d = dovecot.sandbox.path(CONF_D)
        conf_d.mkdir()
        shutil.copy(shipped, conf_d / "05-warden.conf")
        if edit is not None:
            path = conf_d / "05-warden.conf"
            path.write_text(edit(path.read_text()))
        (conf_d / "06-local.conf").write_text(
            warden_settings({**LOCAL, **(local or {})}))
        (conf_d / "10-auth.conf").write_text(PASSDB_USERS)
        if start:
            dovecot.start()
            dovecot.wait_for_service()
        else:
            dovecot.configure()
        return dovecot
    return make


def doveconf(dovecot, *words, check=True):
    return dovecot.sandbox.run("doveconf", "-c", f"{HOME}/dovecot.conf",
                               *words, check=check)


def counts(dovecot):
    """{metric: how often}, those below a group too."""
    result = dovecot.doveadm_raw("-f", "tab", "stats", "dump")
    assert result.returncode == 0, result.stderr
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    rows = [dict(zip(head, row)) for row in rows]
    return {row["metric_name"]: int(row["count"]) for row in rows
            if row["field"] == "duration"}


def sums(dovecot, field):
    """{metric: the sum of the field over all its events}."""
    result = dovecot.doveadm_raw("-f", "tab", "stats", "dump")
    assert result.returncode == 0, result.stderr
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    rows = [dict(zip(head, row)) for row in rows]
    return {row["metric_name"]: int(row["sum"]) for row in rows
            if row["field"] == field}


def wait_count(dovecot, metric, count):
    wait_until(lambda: counts(dovecot).get(metric) == count,
               f"{metric} to be {count}")


def test_shipped_conf_counts_and_refuses(new_shipped, attacker, innocent):
    dovecot = new_shipped({"fail_limit": "20"})
    # This machine's sshd has not been told.
    assert set(dovecot.problems()) <= {"hosts_deny"}
    assert attacker.try_imap(dovecot, "alice", "guess") == WRONG
    wait_until(lambda: dovecot.record(attacker), "the failure to be counted")
    assert attacker.try_imap(dovecot, "alice", "another guess") == WRONG
    dovecot.wait_blocked(attacker)
    assert attacker.is_refused(dovecot)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    # Metrics ask for debug events; the log gets none of them.
    assert dovecot.log_lines(r"Debug|Warning|Error|Fatal|Panic") == []


def test_shipped_metrics_count(new_shipped, attacker, innocent):
    dovecot = new_shipped({"fail_limit": "20"})
    assert attacker.guess(dovecot, 2, at_once=1) == [WRONG] * 2
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "bob", "bob-secret") == IN
    wait_count(dovecot, "warden_blocked_auth_failed", 1)
    dovecot.doveadm("block", "192.0.2.1")
    wait_count(dovecot, "warden_blocked_manual", 1)
    dovecot.doveadm("unblock", "192.0.2.1")
    wait_count(dovecot, "warden_unblocked", 1)
    found = counts(dovecot)
    assert found["warden_blocked"] == 2
    assert found["warden_auth_failed"] == 2
    assert found["warden_auth_failed_imap"] == 2
    assert found["warden_auth_ok"] == 2
    assert found["warden_auth_ok_imap"] == 1
    assert found["warden_auth_ok_pop3"] == 1


def test_blocks_that_are_not_logged_one_by_one_are_counted(new_shipped):
    dovecot = new_shipped()
    hosts = [f"198.51.100.{number}" for number in range(50)]
    for host in hosts:
        dovecot.doveadm("block", host)
    wait_count(dovecot, "warden_blocked", len(hosts))
    # All at once, so that not each has a line.
    dovecot.doveadm("unblock", "--all")
    wait_count(dovecot, "warden_unblocked", len(hosts))
    assert 0 < len(dovecot.log_lines(r"198\.51\.100\.")) < 2 * len(hosts)
    assert dovecot.log_lines("Debug") == []


def test_refused_connections_of_a_block_are_summed_up(new_shipped, attacker):
    dovecot = new_shipped({"fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    for _ in range(5):
        assert attacker.is_refused(dovecot)
    wait_count(dovecot, "warden_blocked", 1)
    dovecot.doveadm("unblock", attacker.address)
    wait_count(dovecot, "warden_unblocked", 1)
    rows = dovecot.doveadm_raw("-f", "tab", "stats", "dump").stdout
    row, = [line.split("\t") for line in rows.splitlines()
            if line.startswith("warden_unblocked\trefused\t")]
    logged, = dovecot.wait_log(f"block of {attacker.address} was lifted")
    assert int(row[3]) == int(re.search(r"refused (\d+) conn", logged)[1])
    assert int(row[3]) >= 5


def uncomment(text, block, **replace):
    """The text with a block that stands in comments in force."""
    def plain(match):
        lines = match[0].replace("\n#", "\n")[1:]
        for name, value in replace.items():
            lines, count = re.subn(rf"\b({name} = ).*", rf"\g<1>{value}", lines)
            assert count == 1
        return lines
    changed, count = re.subn(rf"^#{block} \{{\n(#.*\n)*?#\}}$", plain, text,
                             flags=re.M)
    assert count == 1
    return changed


def scrape(port):
    """{metric with its labels: value}, as Prometheus reads it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                timeout=10) as answer:
        assert answer.headers.get_content_type() in (
            "application/openmetrics-text", "text/plain")
        text = answer.read().decode()
    assert text.startswith("# HELP ")
    if not text.endswith("# EOF\n"):
        # 2.3.13 is older than the final form of OpenMetrics: another name for
        # a total, and the time after each value.
        text = re.sub(r"_count(\{.*\})? (\d+) \d+$", r"_total\1 \2", text,
                      flags=re.M)
    return {name: float(value) for name, value in
            re.findall(r"^([a-z_]+(?:\{.*\})?) ([0-9.]+)$", text, re.M)}


def test_shipped_openmetrics_listener(new_shipped, attacker):
    """Over HTTP, as it stands in the comment; only the port is another."""
    dovecot = new_shipped({"fail_limit": "20"}, start=False)
    port = dovecot.sandbox.free_port()
    path = dovecot.sandbox.path(f"{CONF_D}/05-warden.conf")
    path.write_text(uncomment(path.read_text(), "service stats", port=port))
    dovecot.start()
    dovecot.wait_for_service()
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    for _ in range(5):
        assert attacker.is_refused(dovecot)
    dovecot.doveadm("block", "192.0.2.1")
    wait_until(lambda: scrape(port).get(
        'dovecot_warden_blocked_total{reason="manual"}') == 1,
        "the block to be scraped")
    assert scrape(port)[
        'dovecot_warden_blocked_total{reason="auth_failed"}'] == 1
    # Told for ten seconds at once, when the ten after them are over.
    refused = 'dovecot_warden_session_refused_total{reason="blocked"}'
    failed = 'dovecot_warden_failure_total{class="auth_failed"}'
    def told():
        found = sums(dovecot, "count")
        return (found.get("warden_session_refused_blocked", 0) >= 5
                and found.get("warden_failure_auth_failed") == 2 and found)
    found = wait_until(told, "the refusals to be told", deadline_secs=60,
                       interval_secs=0.5)
    assert {refused, failed} <= set(scrape(port))
    # Which scrapes have too, where Dovecot is new enough for it.
    by_http = [value for name, value in scrape(port).items() if re.fullmatch(
        r'dovecot_warden_session_refused_count_total\{reason="blocked"\}',
        name)]
    assert by_http == ([found["warden_session_refused_blocked"]]
                       if HAS_FIELDS_IN_OPENMETRICS else [])
    assert dovecot.log_lines("Debug|Warning|Error|Fatal|Panic") == []


def test_doveconf_shows_what_is_set(new_shipped):
    dovecot = new_shipped({"block_time": "45 min"}, start=False)
    shown = doveconf(dovecot, "-n").stdout
    assert re.search(r'^login_plugins (= "? ?|\{\n  )warden\b', shown, re.M)
    passdbs = re.findall(r"^passdb .*?^\}", shown, re.M | re.S)
    assert [re.search("warden|passwd-file", text)[0] for text in passdbs] \
        == ["warden", "passwd-file"]
    assert re.search(r"^ *warden_block_time = 45 min$", shown, re.M)
    for name in ("warden_blocked", "warden_unblocked", "warden_auth_ok",
                 "warden_auth_failed"):
        assert f"metric {name} {{\n" in shown
    if IS_2_3:
        assert "service warden {\n  executable = warden\n" in shown
    else:
        # it is a default there
        service = doveconf(dovecot, "service/warden").stdout
        assert re.search(r"executable = warden$", service, re.M)
        assert re.search(r"process_min_avail = 1$", service, re.M)


def test_plugins_set_before_are_kept(new_shipped):
    dovecot = new_shipped(before="login_plugins = mine", start=False)
    said = doveconf(dovecot, "-h", "login_plugins").stdout
    assert said.split() == ["mine", "warden"]


def settings_of(text):
    """[(name, value)] of the settings that stand in comments."""
    return re.findall(r"^ *#(warden_\w+) = ?(.*)$", text, re.M)


@pytest.mark.parametrize("series", ["2.3", "2.4"])
def test_shipped_settings_are_the_defaults(series):
    """Of the code: every one, in its order, and nothing else."""
    conf = (SOURCE / f"conf/05-warden-{series}.conf").read_text()
    assert settings_of(conf) == known_settings()


def test_shipped_settings_can_be_uncommented(new_shipped, innocent):
    dovecot = new_shipped(
        edit=lambda text: re.sub(r"#(warden_\w+ =)", r"\1", text))
    assert set(dovecot.problems()) <= {"hosts_deny"}
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.log_lines(r"Warning|Error|Fatal") == []


@pytest.mark.skipif(IS_2_3, reason="2.3 does not know our settings")
@pytest.mark.parametrize("name, value", [
    ("block_time", "30 parsecs"),    # a time
    ("exempt_networks", "127.0.0.1/33"),    # a list
    ("mode", "enforced"),    # one of some words
    ("deny_private", "perhaps"),
    ("blok_time", "30 min"),
])
def test_mistake_beside_the_shipped_file_is_one_line(new_shipped, name, value):
    dovecot = new_shipped({name: value}, start=False)
    result = doveconf(dovecot, check=False)
    assert result.returncode != 0
    # doveconf says its Error again as Fatal.
    line, = {line[line.index("warden_"):]
             for line in result.stderr.splitlines()}
    assert line.startswith(f"warden_{name}: ")


@pytest.mark.skipif(IS_2_3, reason="2.3 has no lists that are added to")
def test_lists_that_are_added_to_are_understood(new_shipped):
    """By the self-check, which has them from doveconf's braces."""
    dovecot = new_shipped(
        edit=lambda text: text
        + "login_trusted_networks {\n  192.0.2.0/24 = yes\n}\n")
    assert set(dovecot.problems()) <= {"hosts_deny"}
    off = new_shipped(
        edit=lambda text: text.replace("  warden = yes", "  warden = no"))
    assert "login_plugins" in off.problems()
