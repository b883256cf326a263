# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Traces of attempts to log in, made up, each from its seed alone.

A trace is a list of Attempts in order of time. `who` is "honest", "traveller"
(honest, and where he never was before), or the name of an attacker; everything
of one name is one attacker, from however many hosts."""

import random
from typing import NamedTuple, Optional

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Attempt(NamedTuple):
    when: int    # ms
    address: str
    protocol: str
    outcome: str    # as judge.c has it
    user: Optional[str]
    password: Optional[str]
    who: str

    def is_password(self):
        return self.outcome in ("ok", "auth_failed", "user_unknown")

    def line(self):
        words = [str(self.when), self.address, self.protocol, self.outcome]
        if self.user is not None:
            words.append(self.user)
            if self.password is not None:
                words.append(self.password)
        return " ".join(words)


class Trace:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.attempts = []

    def add(self, when, address, outcome, user=None, password=None,
            who="honest", protocol="imap"):
        self.attempts.append(Attempt(int(when), address, protocol, outcome,
                                     user, password, who))

    def restart(self, when):
        self.add(when, "-", "nothing", protocol="restart")

    def every(self, begin, end, period):
        """Moments between, the first at a random one within a period."""
        when = begin + self.random.uniform(0, period)
        while when < end:
            yield when
            when += period * self.random.uniform(0.9, 1.1)

    def sorted(self):
        return sorted(self.attempts, key=lambda attempt: attempt.when)


OFFICE = "198.51.100.10"
OFFICE_USERS = 200


def office_day(trace, begin, changed):
    """Two devices each, from 8 in the morning to 18: a telephone that asks
    every 5 minutes, and a computer whose user types. changed: everybody has
    got a new password over night."""
    for n in range(OFFICE_USERS):
        user, old, new = f"staff{n}", f"old-{n}", f"new-{n}"
        if not changed:
            new = old
        comes = begin + trace.random.uniform(8, 10) * HOUR
        told = comes + trace.random.uniform(5, 120) * MINUTE
        for when in trace.every(begin + 8 * HOUR, begin + 18 * HOUR,
                                5 * MINUTE):
            known = not changed or when > told
            trace.add(when, OFFICE, "ok" if known else "auth_failed", user,
                      new if known else old)
        mistakes = 0
        if trace.random.random() < (0.25 if changed else 0.03):
            mistakes = trace.random.randint(1, 2)
        for mistake in range(mistakes):
            trace.add(comes - (mistakes - mistake) * 10 * SECOND, OFFICE,
                      "auth_failed", user, f"typo-{n}-{mistake}")
        trace.add(comes, OFFICE, "ok", user, new)


def trace_a(seed):
    """An office of 200 users behind one address, two devices each, the morning
    after a forced password change; Dovecot is restarted at 9:30."""
    trace = Trace(seed)
    office_day(trace, 0, False)
    office_day(trace, DAY, True)
    trace.restart(DAY + 9.5 * HOUR)
    return trace


def trace_b(seed):
    """5,000 telephones on carrier NAT behind 40 addresses, for four hours: 3 %
    have a stale password, 20 % connect and say nothing."""
    trace = Trace(seed)
    for n in range(5000):
        address = f"203.0.113.{n % 40 + 1}"
        kind = trace.random.random()
        for when in trace.every(0, 4 * HOUR, 15 * MINUTE):
            if kind < 0.03:
                trace.add(when, address, "auth_failed", f"phone{n}",
                          f"stale-{n}")
            elif kind < 0.23:
                trace.add(when, address, "idle")
            else:
                trace.add(when, address, "ok", f"phone{n}", f"right-{n}")
    return trace


def trace_c(seed):
    """A webmail of 3,000 users that is not in login_trusted_networks, in its
    first eight hours: 5 logins each, of which one in twenty is mistyped before.
    (One that is listed is exempt, and nothing is counted.)"""
    trace = Trace(seed)
    for n in range(3000):
        for _ in range(5):
            when = trace.random.uniform(0, 8 * HOUR)
            if trace.random.random() < 0.05:
                trace.add(when, "203.0.113.80", "auth_failed", f"web{n}",
                          f"typo-{trace.random.random()}")
            trace.add(when + 10 * SECOND, "203.0.113.80", "ok", f"web{n}",
                      f"right-{n}")
    return trace


ATTACK = 8 * DAY    # before it there are days like any other
ATTACK_HOURS = 6


def at_home(trace, n, period, late_period):
    """A user who logs in from home, from an office of all and from a telephone
    whose carrier gives it an address of one of three networks; the typing goes
    wrong now and then. period: of each device, and while the attack lasts."""
    def network(device, when):
        if device == "home":
            return f"81.{n // 250}.{n % 250}.{when // DAY % 200 + 1:.0f}"
        if device == "office":
            return "82.0.0.10"
        pool = n % 83 * 3 + trace.random.randrange(3)
        return f"83.{n // 250}.{pool}.{n % 250 + 1}"

    end = ATTACK + ATTACK_HOURS * HOUR
    for device in ("home", "office", "phone"):
        moments = [*trace.every(0, ATTACK, period),
                   *trace.every(ATTACK, end, late_period)]
        for number, when in enumerate(moments):
            address = network(device, when)
            if device == "home" and trace.random.random() < 0.03:
                trace.add(when - 5 * SECOND, address, "auth_failed",
                          f"user{n}", f"typo-{number}")
            trace.add(when, address, "ok", f"user{n}", f"right-{n}")


def traveller(trace, n):
    """A user who on the day of the attack is somewhere else, for the first
    time."""
    for when in trace.every(ATTACK + HOUR, ATTACK + ATTACK_HOURS * HOUR,
                            30 * MINUTE):
        trace.add(when, f"84.0.{n}.7", "ok", f"user{n}", f"right-{n}",
                  who="traveller")


def botnet(seed, users):
    trace = Trace(seed)
    for n in range(5000):
        # 40 networks of an AS each, many /24 in each
        address = f"{60 + n % 40}.{n // 250}.{n // 40 % 250}.{n % 250 + 1}"
        for _ in range(3):
            user = f"user{trace.random.randrange(users)}"
            when = ATTACK + trace.random.uniform(0, ATTACK_HOURS * HOUR)
            trace.add(when, address, "auth_failed", user,
                      f"guess-{trace.random.random()}", who="botnet")
    return trace


def trace_d(seed):
    """A botnet of 5,000 hosts in 40 AS, 3 tries each over 6 h, on 50 users, who
    log in meanwhile from where they always do; 5 of them also travel."""
    trace = botnet(seed, 50)
    for n in range(50):
        at_home(trace, n, 2 * HOUR, 15 * MINUTE)
    for n in range(5):
        traveller(trace, n)
    return trace


def trace_e(seed):
    """The same on 15,000 users, and 50 travel."""
    trace = botnet(seed, 15000)
    for n in range(15000):
        at_home(trace, n, 3 * DAY, 6 * HOUR)
    for n in range(50):
        traveller(trace, n)
    return trace


def trace_f(seed):
    """One host, one try every ten minutes, for a week."""
    trace = Trace(seed)
    for n in range(7 * 24 * 6):
        trace.add(n * 10 * MINUTE, "192.0.2.66", "auth_failed", "alice",
                  f"guess-{n}", who="patient")
    return trace


def trace_g(seed):
    """One password for 2,000 users, from one host, one a second."""
    trace = Trace(seed)
    for n in range(2000):
        trace.add(n * SECOND, "192.0.2.66", "auth_failed", f"user{n}",
                  "Summer2026", who="sprayer")
    return trace


def trace_h(seed):
    """An IPv6 /48 with a new /64 at each of 5,000 tries, one a second."""
    trace = Trace(seed)
    for n in range(5000):
        trace.add(n * SECOND, f"2001:db8:66:{n + 1:x}::1", "auth_failed",
                  f"user{n % 50}", f"guess-{n}", who="mover")
    return trace


def trace_i(seed):
    """A trawler by POP3 USER that never gives a password, and one by IMAP, one
    name every two seconds."""
    trace = Trace(seed)
    for n in range(2000):
        trace.add(n * 2 * SECOND, "192.0.2.66", "user_abandoned", f"name{n}",
                  who="pop3-trawler", protocol="pop3")
        trace.add(n * 2 * SECOND, "192.0.2.67", "user_unknown", f"name{n}",
                  f"name{n}", who="imap-trawler")
    return trace


def everybody(trace, begin, end, period, outcome):
    """500 users, 300 of them at home and 200 in an office, a device each that
    asks once in a period; of every tenth auth does not see the password.
    outcome: called with a random number for each attempt."""
    for n in range(500):
        address = f"100.64.{n // 200}.{n % 200 + 1}" if n < 300 else OFFICE
        hidden = n % 10 == 0
        for when in trace.every(begin, end, period):
            what = outcome(trace.random.random())
            if what == "tls_failed":
                trace.add(when, address, what)
                continue
            trace.add(when, address, what, f"user{n}",
                      None if hidden else f"right-{n}")


def trace_j(seed):
    """The TLS certificate expires at noon, with 500 users, and is replaced the
    next morning at 8. Until then each device tries again every two minutes;
    two thirds say why they end the handshake."""
    trace = Trace(seed)
    everybody(trace, 0, 12 * HOUR, 5 * MINUTE, lambda _: "ok")
    everybody(trace, 12 * HOUR, 32 * HOUR, 2 * MINUTE,
              lambda draw: "nothing" if draw < 2 / 3 else "tls_failed")
    everybody(trace, 32 * HOUR, 34 * HOUR, 5 * MINUTE, lambda _: "ok")
    return trace


def trace_k(seed):
    """The user database answers "unknown" for everybody, for five minutes, in
    which each device tries again every minute. Of a tenth of the 500 users auth
    does not see the password."""
    trace = Trace(seed)
    fault, end = 3 * HOUR, 3 * HOUR + 5 * MINUTE
    everybody(trace, 0, fault, 5 * MINUTE, lambda _: "ok")
    everybody(trace, fault, end, MINUTE, lambda _: "user_unknown")
    everybody(trace, end, 6 * HOUR, 5 * MINUTE, lambda _: "ok")
    return trace


def trace_l(seed):
    """The office of (a) on days like any other, and from 10 on the second
    somebody in it guesses the others' passwords, one every five seconds until
    the end of the third."""
    trace = Trace(seed)
    for day in range(3):
        office_day(trace, day * DAY, False)
    for n in range((14 + 24) * 720):
        trace.add(DAY + 10 * HOUR + n * 5 * SECOND, OFFICE, "auth_failed",
                  f"staff{trace.random.randrange(OFFICE_USERS)}", f"guess-{n}",
                  who="colleague")
    return trace


TRACES = {name[-1]: function for name, function in sorted(globals().items())
          if name.startswith("trace_")}
