# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""More hosts than the table has room for: those that matter stay watched."""

from clients import IN, REFUSED
from dialect import HOME
from sasl import SaslClient


def test_crowd_does_not_push_out_the_blocked_or_stop_anybody(
        new_dovecot, attacker, innocent):
    dovecot = new_dovecot(settings={"table_hosts": "1024",
                                    "fail_limit": "20"})
    attacker.guess(dovecot, 2)
    dovecot.wait_blocked(attacker)
    with SaslClient(dovecot) as postfix:
        crowd = [f"10.1.{n // 250}.{n % 250 + 1}" for n in range(2500)]
        assert postfix.ask_for_all(crowd, "alice", "wrong") == 0
        assert postfix.ask(innocent.address, "alice", "alice-secret")[0]
    hosts = dovecot.doveadm("list", "--all")
    assert len(hosts) < 2500
    assert attacker.try_imap(dovecot, "alice", "alice-secret") == REFUSED
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert set(dovecot.blocked()) == {attacker.address}
    # Whoever comes now is watched as well.
    assert innocent.address in {record["host"] for record in
                                dovecot.doveadm("list", "--known")}
    assert dovecot.log_lines("(?i)panic|fatal|error") == []


def test_crowd_of_one_prefix_leaves_ipv4_alone(new_dovecot, attacker):
    """IPv6 hosts are many, and cheap to whoever has a /32."""
    dovecot = new_dovecot(settings={"table_hosts": "1024",
                                    "fail_limit": "20"})
    assert attacker.guess(dovecot, 1) == ["wrong"]
    with SaslClient(dovecot) as postfix:
        crowd = [f"2001:db8:{n:x}::1" for n in range(2500)]
        assert postfix.ask_for_all(crowd, "alice", "wrong") == 0
    assert attacker.guess(dovecot, 1, start=1) == ["wrong"]
    dovecot.wait_blocked(attacker)


def test_who_could_not_be_watched_is_counted(new_dovecot):
    """Hosts blocked by hand never make room."""
    dovecot = new_dovecot(settings={"table_hosts": "1024"})
    assert dovecot.doveadm("status")[0]["table_unwatched"] == 0
    assert "table" not in dovecot.problems()
    # 1024 are 512 of IPv6 in sets of 8: one of these finds its set full
    result = dovecot.sandbox.run(
        "sh", "-c", f"""
        for n in $(seq 1 513); do
            doveadm -c {HOME}/dovecot.conf warden block \
                "2001:db8:1:$n::1" forever || exit
        done
        """, check=False, timeout=300)
    assert result.returncode == 75, result.stderr + result.stdout
    assert "no room for" in result.stderr
    status = dovecot.doveadm("status")[0]
    assert status["table_unwatched"] == 1
    assert status["table_set_full"] == 1
    assert "1 times a host could not be watched" in dovecot.problems()["table"]
    # IPv4 has a room of its own
    assert dovecot.doveadm_raw("warden", "block", "192.0.2.77",
                               "forever").returncode == 0
