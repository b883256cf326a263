# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Whoever names users and gives no password pays for it, also with attempts
in between that cannot be one, because no such mechanism exists."""

from test_stages import assert_cost
from waiting import wait_until


def test_mechanism_that_does_not_exist_hides_no_name(shared_dovecot,
                                                     fresh_host):
    with fresh_host.talk(shared_dovecot, "pop3") as talk:
        talk.line()
        assert talk.ask("USER alice").startswith(b"+OK")
        assert talk.ask("AUTH BOGUS").startswith(b"-ERR")
    assert_cost(shared_dovecot, fresh_host, "user_abandoned", 20)


def test_mechanism_before_the_name_hides_no_name(shared_dovecot, fresh_host):
    with fresh_host.talk(shared_dovecot, "pop3") as talk:
        talk.line()
        assert talk.ask("AUTH BOGUS").startswith(b"-ERR")
        assert talk.ask("USER alice").startswith(b"+OK")
    assert_cost(shared_dovecot, fresh_host, "user_abandoned", 20)


def test_mechanism_between_two_names_hides_neither(shared_dovecot,
                                                   fresh_host):
    with fresh_host.talk(shared_dovecot, "pop3") as talk:
        talk.line()
        assert talk.ask("USER alice").startswith(b"+OK")
        assert talk.ask("AUTH BOGUS").startswith(b"-ERR")
        assert talk.ask("USER bob").startswith(b"+OK")
        assert talk.ask("AUTH BOGUS").startswith(b"-ERR")
    assert_cost(shared_dovecot, fresh_host, "user_abandoned", 40)


def test_password_after_a_wrong_mechanism_is_one_failure(shared_dovecot,
                                                         fresh_host):
    with fresh_host.talk(shared_dovecot, "pop3") as talk:
        talk.line()
        assert talk.ask("USER alice").startswith(b"+OK")
        assert talk.ask("AUTH BOGUS").startswith(b"-ERR")
        assert talk.ask("PASS wrong").startswith(b"-ERR")
    assert_cost(shared_dovecot, fresh_host, "auth_failed", 10)


def test_wrong_mechanism_alone_is_as_free_as_silence(shared_dovecot,
                                                     fresh_host):
    with fresh_host.talk(shared_dovecot) as talk:
        talk.line()
        assert talk.ask("1 AUTHENTICATE BOGUS").startswith(b"1 NO")
    assert_cost(shared_dovecot, fresh_host, None, 0)


def test_wrong_mechanism_is_no_cheaper_than_silence(shared_dovecot,
                                                    fresh_host):
    for _ in range(42):
        with fresh_host.talk(shared_dovecot) as talk:
            talk.line()
            assert talk.ask("1 AUTHENTICATE BOGUS").startswith(b"1 NO")
    wait_until(lambda: shared_dovecot.why(fresh_host)["points"] >= 5,
               "more than thirty to cost")
    assert shared_dovecot.why(fresh_host)["last_class"] == "idle"
