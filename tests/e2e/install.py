# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""What `make install` would put on the machine, or a package has put there, laid
over Dovecot's own directories for the sandboxes only."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from pathlib import Path


def doveconf(name):
    """One of Dovecot's built-in defaults, whatever this machine has set."""
    return subprocess.run(["doveconf", "-c", "/dev/null", "-d", "-h", name],
                          capture_output=True, text=True,
                          check=True).stdout.strip()


@contextlib.contextmanager
def alone_in(build):
    """Tests that run at the same time each install for themselves, and make
    may have to link, in the build directory."""
    directory = os.open(build, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


class Install:
    """binds: what a Sandbox needs to have the warden installed."""

    def __init__(self, build, directory):
        stage = Path(directory) / "stage"
        if build is None:
            self._copy_package(stage)
        else:
            with alone_in(build):
                subprocess.run(["make", "-s", "install", f"DESTDIR={stage}"],
                               cwd=build, check=True, capture_output=True,
                               text=True)
        self.binds = []
        for number, original in enumerate(self._directories(stage)):
            merged = Path(directory) / f"merged{number}"
            shutil.copytree(original, merged, symlinks=True)
            staged = stage / str(original).lstrip("/")
            if staged.is_dir():
                shutil.copytree(staged, merged, symlinks=True,
                                dirs_exist_ok=True)
            os.chmod(merged, 0o755)
            self.binds.append((merged, original))
        self.stage = stage

    @staticmethod
    def _copy_package(stage):
        listed = subprocess.run(
            ["dpkg", "-L", "dovecot-warden", "libpam-warden"], check=True,
            capture_output=True, text=True).stdout
        for path in map(Path, listed.splitlines()):
            if path.is_file():
                staged = stage / str(path).lstrip("/")
                staged.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, staged)

    @staticmethod
    def _directories(stage):
        modules = Path(doveconf("login_plugin_dir")).parent
        binaries = Path(doveconf("libexec_dir"))
        directories = [binaries]
        if not modules.is_relative_to(binaries):
            directories.append(modules)
        # where PAM looks for modules; none if this was built without
        for path in stage.rglob("pam_warden.so"):
            directory = Path("/") / path.parent.relative_to(stage)
            if directory.is_dir():
                directories.append(directory)
        return directories

    def files(self):
        """All that was installed, as paths on the machine."""
        return sorted("/" + str(path.relative_to(self.stage))
                      for path in self.stage.rglob("*") if path.is_file())
