# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""`doveadm warden setup --daemons`: what it writes is what the admin meant."""

import pytest

from dovecot import DENY_FILE

HOSTS_DENY = "/etc/hosts.deny"


@pytest.mark.parametrize("words", ["sshd EXCEPT vsftpd", "sshd,except,vsftpd"])
def test_except_that_takes_nothing_away(new_dovecot, words):
    dovecot = new_dovecot(start=False)
    dovecot.configure()
    path = dovecot.sandbox.path(HOSTS_DENY)
    before = path.read_text() if path.exists() else None
    result = dovecot.doveadm_raw("warden", "setup", "--daemons", words)
    assert result.returncode == 64
    assert "ALL EXCEPT" in result.stderr
    assert (path.read_text() if path.exists() else None) == before


@pytest.mark.parametrize("words", ["sshd vsftpd", "ALL EXCEPT vsftpd"])
def test_lists_that_mean_something(new_dovecot, words):
    dovecot = new_dovecot(start=False)
    dovecot.configure()
    result = dovecot.doveadm_raw("warden", "setup", "--daemons", words)
    assert result.returncode == 0, result.stderr
    assert f"{words}: {DENY_FILE}\n" in dovecot.sandbox.path(
        HOSTS_DENY).read_text()
