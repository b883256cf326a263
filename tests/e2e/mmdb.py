# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""MaxMind DB files as their makers give them out, made anew."""

import json
import os
import subprocess
from pathlib import Path

import pytest

MAKER = Path(__file__).resolve().parent.parent / "make-mmdb"
NO_MODULE = 77


def make(path, networks, kind):
    """networks: a dictionary from "127.5.0.0/16" to what is known of it. The
    file gets its name when it is complete, as geoipupdate(1) does it."""
    text = path.with_name(path.name + ".text")
    new = path.with_name(path.name + ".new")
    text.write_text(f"6 28 uint32 1 {kind}\n" + "".join(
        f"{network} {json.dumps(data)}\n"
        for network, data in networks.items()))
    made = subprocess.run([MAKER, text, new], check=False, timeout=60,
                          stderr=subprocess.PIPE, text=True)
    text.unlink()
    if made.returncode == NO_MODULE:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    os.chmod(new, 0o644)
    os.rename(new, path)


def country(letters):
    """As GeoLite2-Country and DB-IP have it."""
    return {"country": {"iso_code": letters,
                        "names": {"en": f"Land {letters}"}}}


def system(number):
    """As GeoLite2-ASN and DB-IP have it."""
    return {"autonomous_system_number": number,
            "autonomous_system_organization": f"Example {number}"}


def ipinfo(letters, number):
    """As IPinfo Lite has it."""
    return {"country": f"Land {letters}", "country_code": letters,
            "asn": f"AS{number}", "as_name": f"Example {number}"}
