# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Two machines with a cable between them: the server, and one that attacks.
Programs that cannot choose their source address get one of their own, and
IPv6 is there whatever the real machine has."""

import subprocess

SERVER_4 = "192.0.2.1"
SERVER_6 = "2001:db8::1"


def connect(server, client, addresses):
    """Join two sandboxes that have networks. addresses: of the client."""
    with server.inside_network():
        _ip("link", "add", "wire", "type", "veth", "peer", "name", "wire",
            "netns", str(client.pid))
    _configure(server, [f"{SERVER_4}/24", f"{SERVER_6}/32"])
    _configure(client, addresses)


def _configure(sandbox, addresses):
    with sandbox.inside_network():
        for address in addresses:
            _ip("addr", "add", address, "dev", "wire",
                *(["nodad"] if ":" in address else []))
        _ip("link", "set", "wire", "up")


def _ip(*words):
    subprocess.run(["ip", *words], check=True)
