# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Machines that Dovecot trusts to bring the connections of others: a balancer
with the PROXY protocol, a webmail. They are exempt themselves, and those whom
they bring are not."""

from clients import IN, REFUSED, Host, Talk
from waiting import wait_until

BALANCER = Host("127.0.0.66")
WEBMAIL = Host("127.0.0.67")
SETTINGS = {"fail_limit": "20"}


def policy_is_current(dovecot):
    return "policy" not in dovecot.problems()


def haproxy_dovecot(new_dovecot):
    dovecot = new_dovecot(
        start=False, settings=SETTINGS,
        config=f"haproxy_trusted_networks = {BALANCER.address}\n")
    dovecot.ports["balanced"] = dovecot.sandbox.free_port()
    dovecot.extra += f"""
service imap-login {{
  inet_listener balanced {{
    port = {dovecot.ports["balanced"]}
    haproxy = yes
  }}
}}
"""
    return dovecot.start()


def through_balancer(dovecot, client):
    talk = Talk(BALANCER.connect(dovecot, "balanced"))
    talk.say(f"PROXY TCP4 {client.address} {dovecot.address} 4711 143")
    return talk


def test_balancer_that_looks_whether_we_live(new_dovecot, innocent):
    dovecot = haproxy_dovecot(new_dovecot)
    assert policy_is_current(dovecot)
    # More than 30 idle connections a minute cost points: here 20 block.
    for _ in range(70):
        BALANCER.connect(dovecot, "balanced").close()
    for _ in range(70):
        with BALANCER.talk(dovecot) as talk:
            assert talk.line().startswith(b"* OK")
    wait_until(lambda: dovecot.sessions_of(BALANCER) == 0,
               "its connections to end")
    assert dovecot.why(BALANCER)["points"] == 0
    with through_balancer(dovecot, innocent) as talk:
        assert talk.line().startswith(b"* OK")
        talk.say("1 LOGIN alice alice-secret")
        assert talk.until(b"1 ").startswith(b"1 OK")


def test_client_behind_a_balancer_is_not_exempt(new_dovecot, attacker):
    dovecot = haproxy_dovecot(new_dovecot)
    client = Host("127.0.0.99")
    for n in range(2):
        with through_balancer(dovecot, client) as talk:
            talk.line()
            assert talk.ask(f"1 LOGIN alice guess-{n}").startswith(b"1 NO")
    dovecot.wait_blocked(client)
    with through_balancer(dovecot, client) as talk:
        assert talk.line() == b""


def test_webmail_that_one_protocol_trusts(new_dovecot):
    """login_trusted_networks inside of protocol { }."""
    dovecot = new_dovecot(settings={"session_limit": "3"}, config=f"""
protocol imap {{
  login_trusted_networks = {WEBMAIL.address}
}}
protocol pop3 {{
  login_trusted_networks = 127.0.0.68 127.0.0.69
}}
""")
    assert policy_is_current(dovecot)
    for host in WEBMAIL, Host("127.0.0.68"), Host("127.0.0.69"):
        assert dovecot.why(host)["rule"] == "exempt"
        assert host.try_imap(dovecot, "alice", "alice-secret") == IN
    talks = [WEBMAIL.talk(dovecot) for _ in range(6)]
    assert [talk.line()[:4] for talk in talks] == [b"* OK"] * 6
    for talk in talks:
        talk.close()
    stranger = Host("127.0.0.70")
    dovecot.doveadm("block", stranger.address)
    assert stranger.try_imap(dovecot, "alice", "alice-secret") == REFUSED


def test_status_notices_trust_that_is_not_in_force(new_dovecot):
    dovecot = new_dovecot()
    assert policy_is_current(dovecot)
    dovecot.extra = f"""
protocol submission {{
  login_trusted_networks = {WEBMAIL.address}
}}
"""
    dovecot.configure()
    assert "reload" in dovecot.problems()["policy"]
    dovecot.extra = f"haproxy_trusted_networks = {BALANCER.address}\n"
    dovecot.configure()
    assert "reload" in dovecot.problems()["policy"]
