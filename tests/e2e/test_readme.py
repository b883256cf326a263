# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What the README has an admin type or write, as it stands there."""

import re
import shutil
from pathlib import Path

import pytest

from clients import IN
from dialect import HOME, IS_2_3
from waiting import wait_until

README = Path(__file__).resolve().parents[2] / "README"


def section(title):
    text = README.read_text()
    found = re.search(rf"^{re.escape(title)}\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)",
                      text, re.M | re.S)
    assert found, title
    return found[1]


def blocks(text):
    """[(the paragraph before it, what is indented)]."""
    paragraphs = text.strip("\n").split("\n\n")
    return [(before, re.sub("^ {4}", "", block, flags=re.M))
            for before, block in zip(paragraphs, paragraphs[1:])
            if re.fullmatch("( {4}.*\n?)+", block)]


def block_after(title, word):
    block, = [block for before, block in blocks(section(title))
              if before.startswith(word)]
    return block


def run(dovecot, script):
    """In a shell, with doveadm asking this Dovecot. No services here, hence
    no systemctl."""
    script = re.sub(r"^systemctl .*\n", "", script, flags=re.M)
    return dovecot.sandbox.run(
        "sh", "-euc", f"doveadm() {{ command doveadm -c {HOME}/dovecot.conf"
        ' "$@"; }\n' + script.replace(
            "xargs -I{} doveadm",
            f"xargs -I{{}} doveadm -c {HOME}/dovecot.conf"))


MOVING = "Coming from another guard"


def test_moving_from_denyhosts(new_dovecot):
    dovecot = new_dovecot()
    hosts_deny = dovecot.sandbox.path("/etc/hosts.deny")
    own = "# mine\nvsftpd: 203.0.113.200\n"
    hosts_deny.write_text(
        own + "# DenyHosts: Mon Nov 23 10:00:00 2026 | sshd: 203.0.113.7\n"
        "sshd: 203.0.113.7\n"
        "# DenyHosts: Mon Nov 23 11:00:00 2026 | ALL: 198.51.100.3\n"
        "ALL: 198.51.100.3\n")
    run(dovecot, block_after(MOVING, "DenyHosts"))
    assert set(dovecot.blocked()) == {"203.0.113.7", "198.51.100.3"}
    for record in dovecot.blocked().values():
        assert 600000 < record["seconds_left"] <= 604800
    assert hosts_deny.read_text() == own
    assert "203.0.113.7" in dovecot.sandbox.path(
        "/etc/hosts.deny.denyhosts").read_text()


@pytest.mark.skipif(shutil.which("fail2ban-server") is None,
                    reason="fail2ban is not installed")
def test_moving_from_fail2ban(new_dovecot):
    dovecot = new_dovecot()
    sandbox = dovecot.sandbox
    jails = sandbox.path("/etc/fail2ban/jail.d")
    # nothing here shall reach a firewall
    sandbox.path("/etc/fail2ban/action.d/none.conf").write_text(
        "[Definition]\nactionban =\nactionunban =\n")
    sandbox.path("/etc/fail2ban/fail2ban.local").write_text(
        "[Definition]\ndbfile = None\n")
    for path in jails.iterdir():
        path.unlink()
    (jails / "mine.local").write_text(
        "[DEFAULT]\nbanaction = none\nbackend = polling\n"
        "ignoreip = 192.0.2.0/24\n"
        f"[dovecot]\nenabled = true\nlogpath = {HOME}/log\n")
    sandbox.path("/run/fail2ban").mkdir()
    sandbox.run("fail2ban-server", "--logtarget", f"{HOME}/fail2ban", "-b",
                "start")
    wait_until(lambda: sandbox.run("fail2ban-client", "status", "dovecot",
                                   check=False).returncode == 0, "the jail")
    sandbox.run("fail2ban-client", "set", "dovecot", "banip", "203.0.113.7",
                "2001:db8::5")
    def banned():
        said = sandbox.run("fail2ban-client", "get", "dovecot", "banip")
        return len(said.stdout.split()) == 2
    wait_until(banned, "the bans")
    said = run(dovecot, block_after(MOVING, "fail2ban"))
    assert "192.0.2.0/24" in said.stdout
    assert set(dovecot.blocked()) == {"203.0.113.7", "2001:db8::/64"}
    assert "dovecot" not in sandbox.run("fail2ban-client", "status").stdout
    sandbox.run("fail2ban-client", "stop")


def test_moving_from_bfd(new_dovecot):
    dovecot = new_dovecot()
    dovecot.sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/usr/local")
    home = dovecot.sandbox.path("/usr/local/bfd")
    for name in ("rules", "stats"):
        (home / name).mkdir(parents=True)
    (home / "rules/dovecot").write_text('REQ="/usr/sbin/dovecot"\n')
    (home / "rules/sshd").write_text('REQ="/usr/sbin/sshd"\n')
    (home / "stats/attack.pool").write_text(
        "1763900000 203.0.113.7 dovecot\n1763900500 203.0.113.8 sshd\n"
        "1763901000 203.0.113.7 dovecot\n1763902000 203.0.113.9 dovecot\n")
    run(dovecot, block_after(MOVING, "BFD"))
    assert set(dovecot.blocked()) == {"203.0.113.7", "203.0.113.9"}
    assert [path.name for path in (home / "rules").iterdir()] == ["sshd"]


def test_locked_out(new_dovecot):
    dovecot = new_dovecot()
    dovecot.doveadm("setup")
    dovecot.doveadm("block", "--force", "192.0.2.1")
    commands = "".join(
        re.sub(r" {2,}.*$", "", line) + "\n"
        for _, block in blocks(section("You locked yourself out"))
        for line in block.splitlines() if not line.startswith("doveadm stop"))
    assert len(commands.splitlines()) == 3
    said = run(dovecot, commands)
    assert "192.0.2.1" in said.stdout
    assert dovecot.blocked() == {}
    assert "hosts.deny" in dovecot.problems()["hosts_deny"]
    dovecot.doveadm("block", "--force", "192.0.2.1")
    wait_until(lambda: dovecot.deny_file() == ["192.0.2.1"], "the line")
    dovecot.stop()
    assert dovecot.deny_file() == []


def sizes(word):
    """(settings of the warden, other lines)"""
    text = block_after("How large?", word)
    if not IS_2_3:
        text = re.sub(r"service_count = 0 .*(restart_request_count = \w+)",
                      r"\1", text)
    settings = dict(re.findall(r"^warden_(\w+) = (.*)$", text, re.M))
    assert settings
    return settings, re.sub(r"^warden_.*\n", "", text, flags=re.M) + "\n"


@pytest.mark.parametrize("word", ["A small server", "A site"])
def test_sizes(new_dovecot, innocent, word):
    settings, others = sizes(word)
    dovecot = new_dovecot(settings=settings, config=others)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert innocent.try_pop3(dovecot, "alice", "alice-secret") == IN
    # a large table takes a moment to make
    wait_until(lambda: set(dovecot.problems()) <= {"hosts_deny", "table"},
               "the warden to be at work", 20)
    record, = dovecot.doveadm("status")
    # or a quarter of what is free in /run
    assert record["table_room"] <= int(settings["table_hosts"])
    assert dovecot.log_lines("Error|Fatal|Panic") == []
