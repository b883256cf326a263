# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""These tests leave nothing behind, also when they are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sandbox import Sandbox
from waiting import wait_until

DIRECTORY = Path(__file__).parent


def test_sandbox_changes_nothing_outside(installed, certificate):
    before = (Path("/proc/self/mounts").read_text(),
              Path("/etc/hosts.deny").read_bytes()
              if Path("/etc/hosts.deny").exists() else None,
              sorted(os.listdir("/run")), sorted(os.listdir("/var/lib")))
    with Sandbox(network=True, binds=installed.binds) as sandbox:
        sandbox.run("sh", "-c", "echo ALL: ALL > /etc/hosts.deny; "
                    "mkdir /run/e2e-trace; mount -t tmpfs x /mnt")
        sleeper = sandbox.popen("sleep", "1000")
        inner = wait_until(sandbox.processes, "the sleeper to be there")
    assert before == (Path("/proc/self/mounts").read_text(),
                      Path("/etc/hosts.deny").read_bytes()
                      if Path("/etc/hosts.deny").exists() else None,
                      sorted(os.listdir("/run")),
                      sorted(os.listdir("/var/lib")))
    assert sleeper.wait(5) != 0
    assert not [pid for pid in inner if Path(f"/proc/{pid}").exists()]


def test_killed_test_leaves_no_process():
    """kill -9 of what holds a sandbox open takes all of it away."""
    script = ("import sys, time; from sandbox import Sandbox\n"
              "box = Sandbox(network=True)\n"
              "box.popen('sleep', '1000')\n"
              "while not box.processes(): time.sleep(0.01)\n"
              "print(box.pid, *box.processes(), flush=True)\n"
              "time.sleep(1000)\n")
    test = subprocess.Popen([sys.executable, "-c", script], cwd=DIRECTORY,
                            stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in test.stdout.readline().split()]
    assert len(pids) == 2
    os.kill(test.pid, signal.SIGKILL)
    test.wait()
    test.stdout.close()
    wait_until(lambda: not [pid for pid in pids
                            if Path(f"/proc/{pid}").exists()],
               "all to be gone")
