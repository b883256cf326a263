# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""The man pages say what the code does, and are found."""

import json
import re
import shutil
from pathlib import Path

import pytest

from dialect import IS_2_3

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


def event_code():
    return "".join((SOURCE / "plugin" / name).read_text()
                   for name in ("auth-siege.c", "service-events.c"))


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
    known |= set(re.findall(r'"(warden_\w+)"', event_code()))
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
    code = event_code()
    text = section(OVERVIEW, "EVENTS")
    for name in re.findall(r'"(warden_\w+)"', code):
        assert re.search(rf"^\.It Cm {name}$", text, re.M), name
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


def examples(word):
    """The literal texts of the overview's examples that have the word."""
    return [text for text in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$",
                                        section(OVERVIEW, "EXAMPLES"),
                                        re.M | re.S) if word in text]


def test_exporter_of_the_overview_exports(new_dovecot):
    whole, exporter = examples("event_exporter")
    if not IS_2_3:
        metric = whole[whole.index("metric "):]
        whole = exporter + metric
    dovecot = new_dovecot(config=whole)
    dovecot.doveadm("block", "192.0.2.9", "1 h")
    dovecot.wait_log(r'\{.*"event": ?"warden_blocked"')
    dovecot.doveadm("unblock", "192.0.2.9")
    found = [json.loads(line[line.index("{"):]) for line in
             dovecot.wait_log(r'\{.*"event": ?"warden_(un)?blocked"', 2)]
    began, ended = found
    assert began["event"] == "warden_blocked"
    assert began["fields"]["host"] == "192.0.2.9"
    assert began["fields"]["reason"] == "manual"
    assert "warden" in began["categories"]
    assert 3590 <= began["fields"]["block_secs"] <= 3610
    assert ended["event"] == "warden_unblocked"
    assert ended["fields"]["lifted"] == "yes"


def test_listener_of_the_overview_is_the_one_shipped():
    listener, = examples("service stats")
    for series, address in (("2.3", "address = "), ("2.4", "listen = ")):
        conf = (SOURCE / f"conf/05-warden-{series}.conf").read_text()
        shown = listener.replace("address = ", address)
        assert re.sub("^", "#", shown.rstrip(), flags=re.M) in conf


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
