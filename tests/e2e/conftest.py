# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Each test gets machines and Dovecots of its own; here they are made and
taken away. WARDEN_BUILD names the build directory whose `make install` is
under test; with "package" it is what Debian's package has installed."""

import os
import shutil
import subprocess
import tempfile

import pytest

from certificate import Certificate
from clients import Host
from dovecot import Dovecot
from install import Install
from sandbox import Sandbox

# of the test with this id
_dovecots = {}


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("end-to-end tests need root, for their namespaces", 77)
    if "WARDEN_BUILD" not in os.environ:
        pytest.exit("set WARDEN_BUILD to the build directory", 2)


def pytest_collection_modifyitems(items):
    # What is not loaded cannot be tested: that each part is, comes first.
    items.sort(key=lambda item: "test_loaded.py" not in item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        dovecots = _dovecots.pop(item.nodeid, []) + [
            value for value in item.funcargs.values()
            if isinstance(value, Dovecot)]
        for number, dovecot in enumerate(dovecots):
            report.sections.append(
                (f"log of Dovecot {number}", dovecot.log()[-20000:]))


@pytest.fixture(scope="session")
def session_directory():
    directory = tempfile.mkdtemp(prefix="warden-e2e-")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def installed(session_directory):
    try:
        build = os.environ["WARDEN_BUILD"]
        return Install(None if build == "package" else build,
                       session_directory)
    except subprocess.CalledProcessError as error:
        pytest.exit(f"{' '.join(error.cmd)} failed:\n{error.stderr}", 1)


@pytest.fixture(scope="session")
def certificate(session_directory):
    return Certificate(session_directory)


@pytest.fixture
def new_sandbox(installed):
    made = []

    def make(network=False):
        sandbox = Sandbox(network, installed.binds)
        made.append(sandbox)
        return sandbox
    yield make
    for sandbox in reversed(made):
        sandbox.close()


@pytest.fixture
def new_dovecot(request, new_sandbox, certificate):
    """A factory: new_dovecot(settings=..., login=...) as class Dovecot has
    them, started unless start=False."""
    dovecots = _dovecots.setdefault(request.node.nodeid, [])

    def make(sandbox=None, start=True, **kwargs):
        dovecot = Dovecot(sandbox or new_sandbox(), certificate, **kwargs)
        dovecots.append(dovecot)
        if start:
            dovecot.start()
        return dovecot
    return make


@pytest.fixture(scope="module")
def shared_dovecot(installed, certificate):
    """One for all tests of a file that leave nothing behind but the record of
    a host of their own, fresh_host."""
    with Sandbox(binds=installed.binds) as sandbox:
        dovecot = Dovecot(sandbox, certificate).start()
        dovecot.fresh_hosts = (Host(f"127.0.{n // 250}.{n % 250 + 1}")
                               for n in range(250, 5000))
        yield dovecot


@pytest.fixture
def fresh_host(shared_dovecot):
    return next(shared_dovecot.fresh_hosts)


@pytest.fixture
def attacker():
    return Host("127.0.0.66")


@pytest.fixture
def innocent():
    return Host("127.0.0.7")
