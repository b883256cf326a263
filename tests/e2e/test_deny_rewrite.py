# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""libwrap reads the deny file whenever a client connects to sshd, and denies
everybody when it reads half of one. Here it reads without a pause while the
file is replaced without a pause, by the code that the service uses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import libwrap_asker
from wrapped import HOSTS_ALLOW, HOSTS_DENY

DIRECTORY = "/run/deny"
DENY_FILE = f"{DIRECTORY}/hosts.deny"
INNOCENT = "198.51.100.7"
LISTED = "203.0.113.9"
# WARDEN_DENY_MAX
LONGEST = 20000


class Rewriter:
    """The program, running inside of the block."""

    def __init__(self, sandbox, count):
        program = Path(os.environ["WARDEN_BUILD"], "tests/fire/deny-rewriter")
        if not program.exists():
            pytest.skip("a package has no program for it")
        self.times = 0
        self._process = subprocess.Popen(
            [program, sandbox.path(DENY_FILE), str(count), LISTED],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self._process.stdout.readline() == "writing\n"
        return self

    def __exit__(self, *exc):
        said, _ = self._process.communicate("", timeout=30)
        assert self._process.returncode == 0
        self.times = int(said)


# A long list takes libwrap some milliseconds.
@pytest.mark.parametrize("count, checks", [(20, 112000), (LONGEST, 400)])
def test_innocent_host_is_never_refused_while_the_file_is_replaced(
        new_sandbox, count, checks):
    sandbox = new_sandbox()
    sandbox.path(DIRECTORY).mkdir()
    sandbox.path(HOSTS_ALLOW).write_text("")
    sandbox.path(HOSTS_DENY).write_text(f"ALL: {DENY_FILE}\n")
    with Rewriter(sandbox, count) as rewriter:
        said = sandbox.run(sys.executable, "-E", "-s", libwrap_asker.__file__,
                           checks, INNOCENT, LISTED, timeout=300)
    asked, refused, asked_listed, refused_listed = (
        int(word) for word in said.stdout.split())
    print(f"{asked} checks, {refused} refused; {asked_listed} of a listed "
          f"host, {refused_listed} refused; {rewriter.times} files")
    assert said.stderr == ""
    assert asked + asked_listed == checks
    assert refused == 0
    assert refused_listed == asked_listed
    assert rewriter.times > 10
