# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""A certificate that nobody has signed, for servers that nobody needs to
trust."""

import subprocess
from pathlib import Path


class Certificate:
    def __init__(self, directory):
        self.key = Path(directory) / "key.pem"
        self.cert = Path(directory) / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=mail.example.org", "-keyout", str(self.key),
             "-out", str(self.cert)],
            check=True, capture_output=True)
