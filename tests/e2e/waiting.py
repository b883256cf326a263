# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Tests poll for what must come true; they never sleep and hope."""

import time


def wait_until(predicate, what, deadline_secs=10, interval_secs=0.02):
    """The first true value of predicate(); fails after the deadline. what
    ends the sentence "waited N s for ..."."""
    end = time.monotonic() + deadline_secs
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"waited {deadline_secs} s for {what}")
        time.sleep(interval_secs)


def holds_for(predicate, what, secs, interval_secs=0.1):
    """predicate() is true now and stays so."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        assert predicate(), f"no longer so: {what}"
        time.sleep(interval_secs)
