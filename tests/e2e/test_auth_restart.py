# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Only root can open the shared files, and auth is root only while it starts.
When others take their place it must not go on without them: it starts anew,
and nobody notices."""

import os
import signal

from clients import IN, WRONG
from dialect import HOME, SERVICE_WRITTEN_OUT
from dovecot import WARDEN_DIR
from test_counting import assert_points
from waiting import wait_until

SERVICE_LATE = SERVICE_WRITTEN_OUT.replace("executable = warden",
                                      f"executable = {HOME}/late.sh")
STARTS_ANEW = "so auth starts anew"


def late_dovecot(new_dovecot, **kwargs):
    """The service begins its work only when there is HOME/go."""
    dovecot = new_dovecot(start=False, service=SERVICE_LATE, **kwargs)
    script = dovecot.sandbox.path(f"{HOME}/late.sh")
    libexec = dovecot.sandbox.run("doveconf", "-h", "libexec_dir"
                                  ).stdout.strip()
    script.write_text(f"""#!/bin/sh
while [ ! -e {HOME}/go ]; do sleep 0.1; done
exec {libexec}/warden "$@"
""")
    script.chmod(0o755)
    go(dovecot)
    dovecot.start(wait_for_warden=False)
    wait_for_service(dovecot)
    return dovecot


def wait_for_service(dovecot):
    wait_until(lambda: not {"service", "policy"} & set(dovecot.problems()),
               "the service to have begun its work")


def go(dovecot):
    dovecot.sandbox.path(f"{HOME}/go").touch()


def wait(dovecot):
    dovecot.sandbox.path(f"{HOME}/go").unlink()


def wait_for_next_auth(dovecot, old):
    wait_until(lambda: not set(old) & set(dovecot.processes("auth")),
               "auth to start anew")
    assert len(dovecot.wait_log(STARTS_ANEW)) == 1
    assert dovecot.log_lines("(?i)panic|fatal|throttl") == []


def assert_counts(dovecot, attacker, innocent):
    assert attacker.guess(dovecot, 3) == [WRONG] * 3
    assert_points(dovecot, attacker, 30)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    assert dovecot.why(innocent)["known"] == "yes"
    # and it stays
    assert len(dovecot.log_lines(STARTS_ANEW)) == 1


def test_table_that_grows_after_auth_has_opened_it(new_dovecot, attacker,
                                                   innocent):
    dovecot = late_dovecot(new_dovecot, settings={"table_hosts": "131072"})
    wait(dovecot)
    dovecot.settings["table_hosts"] = "65536"
    dovecot.configure()
    # auth starts with the first login process
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    before = set(dovecot.processes("auth"))
    assert before
    dovecot.doveadm_raw("reload")
    # a login process of before the reload may still take a login or two, to
    # the auth of before the reload
    wait_until(lambda: innocent.try_imap(dovecot, "alice", "alice-secret")
               == IN and set(dovecot.processes("auth")) - before,
               "mail to go on with another auth after the reload")
    old = set(dovecot.processes("auth")) - before
    go(dovecot)
    wait_for_next_auth(dovecot, old)
    assert_counts(dovecot, attacker, innocent)


def test_files_of_another_version(new_dovecot, attacker, innocent):
    dovecot = late_dovecot(new_dovecot)
    dovecot.stop()
    for name in ("policy", "hosts", "auth"):
        with open(dovecot.sandbox.path(f"{WARDEN_DIR}/{name}"), "r+b") as file:
            file.seek(8)
            file.write(b"\xee\xee\xee\xee")
    wait(dovecot)
    dovecot.start(wait_for_warden=False)
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    dovecot.wait_log("in auth nobody is counted")
    old = dovecot.processes("auth")
    go(dovecot)
    wait_for_next_auth(dovecot, old)
    wait_for_service(dovecot)
    assert_counts(dovecot, attacker, innocent)


def test_files_that_an_admin_has_removed(new_dovecot, attacker, innocent):
    dovecot = new_dovecot()
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    old = dovecot.processes("auth")
    for name in ("policy", "hosts", "auth"):
        dovecot.sandbox.path(f"{WARDEN_DIR}/{name}").unlink()
    wait_for_next_auth(dovecot, old)
    wait_for_service(dovecot)
    assert_counts(dovecot, attacker, innocent)


def test_login_that_is_going_on_is_not_cut_off(new_dovecot, innocent):
    dovecot = new_dovecot(config="auth_failure_delay = 4 secs\n")
    with innocent.talk(dovecot) as talk, innocent.talk(dovecot) as begun:
        talk.line()
        begun.line()
        talk.say("1 LOGIN alice wrong")
        wait_until(lambda: dovecot.why(innocent)["points"] > 0,
                   "auth to have judged")
        assert begun.ask("1 AUTHENTICATE PLAIN").startswith(b"+")
        old = dovecot.processes("auth")
        for name in ("policy", "hosts", "auth"):
            dovecot.sandbox.path(f"{WARDEN_DIR}/{name}").unlink()
        assert talk.line().startswith(b"1 NO [AUTHENTICATIONFAILED]")
        assert dovecot.processes("auth") == old
        assert begun.ask("AGFsaWNlAGFsaWNlLXNlY3JldA==").startswith(
            (b"1 OK", b"* CAPABILITY"))
    wait_for_next_auth(dovecot, old)


def test_reload_that_changes_the_table_says_nothing(new_dovecot, innocent):
    """The old auth is on its way out then, and the next one has the table."""
    dovecot = new_dovecot(settings={"table_hosts": "65536"})
    assert innocent.try_imap(dovecot, "alice", "alice-secret") == IN
    old = dovecot.processes("auth")
    dovecot.settings["table_hosts"] = "131072"
    dovecot.configure()
    os.kill(dovecot.master_pid(), signal.SIGHUP)
    wait_until(lambda: not set(old) & set(dovecot.processes("auth")),
               "the old auth process to end")
    assert dovecot.log_lines(f"{STARTS_ANEW}|nobody is counted") == []
