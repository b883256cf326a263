# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""`doveadm warden status --watch`, on a terminal and without one."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from clients import WRONG
from dialect import HOME
from waiting import wait_until

ENTER, LEAVE = b"\033[?1049h", b"\033[?1049l"
HIDE, SHOW = b"\033[?25l", b"\033[?25h"
LINE = re.compile(r"(\S+) mode=(\w+) sessions=(\d+) logins=(\d+) "
                  r"failures=(\d+) refused=(\d+) observed=(\d+) "
                  r"blocked=(\d+) known=(\d+) top=(\S*)")
EX_USAGE = 64


def as_from_a_shell():
    """Who runs the tests in the background may have these ignored."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                   signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A terminal with the command at work on it. output: all it wrote."""

    def __init__(self, dovecot, columns=80, rows=24):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))
        self.modes = termios.tcgetattr(self.slave)
        self.output = b""
        # setsid: so that it is the controlling terminal, and Ctrl-C a signal
        self.process = dovecot.sandbox.popen(
            "setsid", "--ctty", "--wait", "doveadm", "-c",
            f"{HOME}/dovecot.conf", "warden", "status", "--watch",
            stdin=self.slave, stdout=self.slave, stderr=self.slave,
            preexec_fn=as_from_a_shell)

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536)
        return self.output

    def frames(self):
        return self.read().split(b"\033[H")[1:]

    def wait_frames(self, count):
        return wait_until(lambda: len(self.frames()) >= count and
                          self.frames(), f"{count} drawings")

    def wait_end(self):
        def ended():
            self.read()
            return self.process.poll() is not None
        wait_until(ended, "the command to end")
        self.read()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def plain(frame):
    """The lines of a drawing, without what moves the cursor."""
    text = re.sub(rb"\033\[[0-9;?]*[A-Za-z]", b"", frame).decode("ascii")
    return re.split("\r+\n", text)


@pytest.fixture
def dovecot(shared_dovecot):
    return shared_dovecot


def doveadm_of(dovecot):
    found = [pid for pid, line in dovecot.sandbox.processes().items()
             if re.match(r"(/\S*/)?doveadm .*--watch", line)]
    return found[0] if len(found) == 1 else None


def test_terminal_is_redrawn_every_second(dovecot, fresh_host):
    dovecot.doveadm("block", fresh_host.address, "1 h")
    with Terminal(dovecot) as terminal:
        begin = time.monotonic()
        frames = terminal.wait_frames(3)
        # two seconds at least; a busy machine may need more
        assert time.monotonic() - begin > 1.5
        assert terminal.output.startswith(ENTER + HIDE)
        assert plain(frames[0])[0].startswith("Warden: mode enforce, ")
        # no line runs into the next one, and nothing scrolls
        for frame in frames[:-1]:
            assert len(plain(frame)) <= 24
            assert max(map(len, plain(frame))) <= 80
        assert fresh_host.is_refused(dovecot)
        wait_until(lambda: any(fresh_host.address in line
                               for line in plain(terminal.frames()[-1])),
                   "the host among the top hosts")


def test_ctrl_c_leaves_the_terminal_as_it_was(dovecot):
    with Terminal(dovecot) as terminal:
        terminal.wait_frames(2)
        assert termios.tcgetattr(terminal.slave) == terminal.modes
        os.write(terminal.master, b"\x03")
        assert terminal.wait_end() == 0
        assert termios.tcgetattr(terminal.slave) == terminal.modes
        assert terminal.output.count(ENTER) == 1
        assert terminal.output.endswith(SHOW + LEAVE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP,
                                    signal.SIGQUIT])
def test_other_ends_leave_the_terminal_too(dovecot, number):
    with Terminal(dovecot) as terminal:
        terminal.wait_frames(1)
        os.kill(wait_until(lambda: doveadm_of(dovecot), "its pid"), number)
        # which shells show as a death by that signal
        assert terminal.wait_end() in (-number, 128 + number)
        assert SHOW + LEAVE in terminal.output


def test_stop_gives_the_terminal_back_meanwhile(dovecot):
    with Terminal(dovecot) as terminal:
        terminal.wait_frames(1)
        pid = wait_until(lambda: doveadm_of(dovecot), "its pid")
        os.kill(pid, signal.SIGTSTP)
        wait_until(lambda: terminal.read().endswith(SHOW + LEAVE),
                   "the terminal to be given back")
        # whoever waits for it stops itself as well, as shells would not
        terminal.process.send_signal(signal.SIGCONT)
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: terminal.read().count(ENTER) == 2,
                   "it to be taken again")
        seen = len(terminal.frames())
        terminal.wait_frames(seen + 1)
        os.write(terminal.master, b"\x03")
        assert terminal.wait_end() == 0
        assert terminal.output.endswith(SHOW + LEAVE)


def test_small_terminal_does_not_scroll(dovecot, fresh_host):
    dovecot.doveadm("block", fresh_host.address, "1 h")
    with Terminal(dovecot, columns=20, rows=4) as terminal:
        frames = terminal.wait_frames(2)
        assert len(plain(frames[0])) == 4
        assert max(map(len, plain(frames[0]))) == 20
        # larger: with the next drawing, and that is at once
        fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 40, 100, 0, 0))
        wait_until(lambda: len(plain(terminal.frames()[-1])) > 6,
                   "a larger drawing")


class Watched:
    """--watch into a pipe."""

    def __init__(self, dovecot, *words):
        self.process = dovecot.sandbox.popen(
            "doveadm", "-c", f"{HOME}/dovecot.conf", *words, "warden",
            "status", "--watch", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def line(self):
        text = self.process.stdout.readline()
        assert LINE.fullmatch(text.rstrip("\n")), text
        return LINE.fullmatch(text.rstrip("\n")).groups()


def test_without_a_terminal_it_is_lines(dovecot, fresh_host):
    with Watched(dovecot) as watched:
        watched.line()
        assert fresh_host.guess(dovecot, 3, at_once=1) == [WRONG] * 3
        dovecot.doveadm("block", fresh_host.address, "1 h")
        for _ in range(4):
            assert fresh_host.is_refused(dovecot)
        failures = refused = 0
        last = None
        end = time.monotonic() + 30
        # as a second that was late is told as what it had on average, this
        # is about what must come, not how much in which line
        while time.monotonic() < end and not (failures and refused and last):
            _, mode, *figures, top = watched.line()
            assert mode == "enforce"
            failures += int(figures[2])
            refused += int(figures[3])
            last = fresh_host.address in top.split(",")
        assert failures and refused and last
        os.kill(wait_until(lambda: doveadm_of(dovecot), "its pid"),
                signal.SIGINT)
        assert watched.process.wait(10) == 0
        assert "\033" not in watched.process.stdout.read()
        assert watched.process.stderr.read() == ""


def test_it_ends_when_nobody_reads(dovecot):
    with Watched(dovecot) as watched:
        watched.line()
        watched.process.stdout.close()
        watched.process.wait(10)
        assert watched.process.stderr.read() == ""


def test_it_goes_on_over_a_restart_with_another_table(new_dovecot, attacker):
    dovecot = new_dovecot(settings={"table_hosts": "1024"})
    with Watched(dovecot) as watched:
        watched.line()
        dovecot.settings["table_hosts"] = "4096"
        dovecot.restart()
        dovecot.doveadm("block", attacker.address, "1 h")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if watched.line()[7] == "1":
                break
        else:
            raise AssertionError("the block is not seen")


@pytest.mark.parametrize("formatter", ["json", "tab"])
def test_it_has_no_formatter(dovecot, formatter):
    said = dovecot.doveadm_raw("-f", formatter, "warden", "status", "--watch")
    assert said.returncode == EX_USAGE
    assert said.stderr.count("\n") == 1 and "--watch" in said.stderr
