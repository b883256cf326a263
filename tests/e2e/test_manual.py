# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""The man pages say what the code does, and are found."""

import re
import shutil
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
OVERVIEW = SOURCE / "man/dovecot-warden.7"
DOVEADM = SOURCE / "man/doveadm-warden.1"


def known_settings():
    """[(name, default)] of the code."""
    code = (SOURCE / "src/warden-settings.c").read_text()
    known = [(name, "".join(re.findall('"([^"]*)"', value)))
             for name, value in re.findall(
                 r'\] = \{ "(warden_\w+)",\s*((?:"[^"]*"\s*)+),', code)]
    assert len(known) > 10
    return known


def section(page, name):
    return re.search(rf'^\.Sh "?{name}"?$(.*?)(?=^\.Sh |\Z)',
                     page.read_text(), re.M | re.S)[1]


def test_overview_has_the_settings_of_the_code():
    """Every one with its default, in its order, and nothing else."""
    said = re.findall(r"^\.It Cm (warden_\w+) = ?(.*)$",
                      section(OVERVIEW, "SETTINGS"), re.M)
    assert said == known_settings()


def test_pages_name_no_setting_that_is_not_there():
    known = {name for name, _ in known_settings()}
    known |= {"warden_blocked", "warden_unblocked"}    # events
    for page in (SOURCE / "man").glob("*.[1-9]"):
        said = set(re.findall(r"\bwarden_[a-z0-9_]+\b", page.read_text()))
        assert said - known == set(), page.name


def test_overview_has_the_points_of_the_code():
    code = (SOURCE / "src/warden-class.c").read_text()
    known = re.findall(r'\] = \{ "(\w+)", (\d+), true \}', code)
    assert len(known) > 5
    assert re.findall(r"^\.It Cm (\w+) Ta (\d+) Ta ",
                      section(OVERVIEW, "HOW IT DECIDES"), re.M) == known


def test_overview_has_the_fields_of_events():
    code = (SOURCE / "plugin/service-main.c").read_text()
    text = section(OVERVIEW, "EVENTS")
    for call in re.findall(r"event_add_(?:str|int)\((.*?)\);", code, re.S):
        names = re.findall(r'"([a-z_]{3,})"', call)
        assert names, call
        for name in names[:2 if "?" in call.split(",")[1] else 1]:
            assert re.search(rf"^\.It Cm (.* , )?{name}\b", text, re.M), name


def commands():
    code = (SOURCE / "plugin").glob("doveadm-*.c")
    found = sorted(name for path in code for name in re.findall(
        r'\.name = "warden (\w+)"', path.read_text()))
    assert len(found) > 5
    return found


@pytest.mark.parametrize("command", commands())
def test_command_has_an_example_and_its_exit_codes(command):
    text = section(DOVEADM, "DESCRIPTION")
    part = re.search(rf"^\.Ss {command}$(.*?)(?=^\.Ss |\Z)", text,
                     re.M | re.S)
    assert part, f"no part about {command}"
    assert re.search(rf"^\.Dl # doveadm (-f \w+ )?warden {command}\b",
                     part[1], re.M)
    said = re.search(r"^Exit status: (.*?)\.$", part[1], re.M | re.S)[1]
    numbers = set(re.findall(r"\b\d+\b", said))
    listed = set(re.findall(r"^\.It (\d+)$", section(DOVEADM, "EXIT STATUS"),
                            re.M))
    assert "0" in numbers and numbers <= listed


def test_every_exit_code_is_of_some_command():
    text = section(DOVEADM, "DESCRIPTION")
    used = " ".join(re.findall(r"^Exit status: (.*?)\.$", text, re.M | re.S))
    for number in re.findall(r"^\.It (\d+)$", section(DOVEADM, "EXIT STATUS"),
                             re.M):
        assert re.search(rf"\b{number}\b", used), number


def test_options_of_commands_are_on_the_page():
    text = DOVEADM.read_text()
    for path in sorted((SOURCE / "plugin").glob("doveadm-*.c")):
        for short, name in re.findall(
                r"DOVEADM_CMD_PARAM\('(\w)', \"([\w-]+)\"", path.read_text()):
            assert re.search(rf"Fl {short} , Fl -{name}\b", text), name


def test_doveadm_help_finds_the_page(new_sandbox, installed):
    if shutil.which("man") is None:
        pytest.skip("there is no man here")
    page, = installed.stage.rglob("doveadm-warden.1*")
    staged = page.parents[1]
    sandbox = new_sandbox()
    sandbox.run("mount", "--bind", staged,
                "/" / staged.relative_to(installed.stage))
    said = sandbox.run("env", "MANPAGER=cat", "MANROFFOPT=-c", "doveadm",
                       "help", "warden", check=False)
    assert said.returncode == 0, said.stderr
    plain = re.sub(".\b", "", said.stdout)
    assert "doveadm-warden" in plain and "warden unblock" in plain
