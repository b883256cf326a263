# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""Client computers: each has an address and speaks what Python's own mail
libraries speak, or raw lines."""

import contextlib
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

TIMEOUT_SECS = 20

# What became of an attempt to log in.
IN = "in"
WRONG = "wrong"
REFUSED = "refused"    # no banner, or thrown out with a word


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Imap(imaplib.IMAP4):
    def __init__(self, connect, port):
        self._origin = connect
        super().__init__("server", port)

    def _create_socket(self, timeout):
        return self._origin()


class _Pop3(poplib.POP3):
    def __init__(self, connect, port):
        self._origin = connect
        super().__init__("server", port)

    def _create_socket(self, timeout):
        return self._origin()


class _Submission(smtplib.SMTP):
    def __init__(self, connect):
        self._origin = connect
        super().__init__(local_hostname="client.example.org")

    def _get_socket(self, host, port, timeout):
        return self._origin()


def hang_up(client):
    """Closes an imaplib client without a word, also one that has logged out:
    that one complains of its closed socket."""
    with contextlib.suppress(OSError):
        client.shutdown()


class Talk:
    """A connection on which we say exactly what we want."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")

    def line(self):
        """The next line; b"" when the server has closed."""
        try:
            return self.file.readline()
        except (ConnectionError, ssl.SSLError):
            return b""

    def say(self, text):
        try:
            self.sock.sendall(text.encode() + b"\r\n")
        except (ConnectionError, ssl.SSLError):
            pass

    def ask(self, text):
        self.say(text)
        return self.line()

    def until(self, start):
        """The first line that starts so; b"" if the server closes before."""
        while True:
            line = self.line()
            if line == b"" or line.startswith(start):
                return line

    def start_tls(self):
        self.file.close()
        self.sock = tls_context().wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")

    def is_open(self):
        """Without a word to or from the server; below TLS, if there is any."""
        with socket.socket(fileno=os.dup(self.sock.fileno())) as wire:
            try:
                return wire.recv(1, socket.MSG_PEEK
                                 | socket.MSG_DONTWAIT) != b""
            except BlockingIOError:
                return True
            except OSError:
                return False

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Host:
    """A client's computer. sandbox: where its network is, if not ours."""

    def __init__(self, address, sandbox=None, timeout_secs=TIMEOUT_SECS):
        self.address = address
        self.sandbox = sandbox
        self.timeout_secs = timeout_secs

    def __repr__(self):
        return f"Host({self.address})"

    def connect_port(self, address, port):
        """A plain connected socket, from this host."""
        def connect():
            return socket.create_connection(
                (address, port), self.timeout_secs,
                source_address=(self.address, 0))
        if self.sandbox is None:
            return connect()
        with self.sandbox.inside_network():
            return connect()

    def connect(self, server, service="imap"):
        return self.connect_port(server.address, server.ports[service])

    def talk(self, server, service="imap"):
        sock = self.connect(server, service)
        if service.endswith("s") and service != "submissions":
            sock = tls_context().wrap_socket(sock)
        return Talk(sock)

    def imap(self, server, tls=False):
        service = "imaps" if tls else "imap"

        def connect():
            sock = self.connect(server, service)
            return tls_context().wrap_socket(sock) if tls else sock
        return _Imap(connect, server.ports[service])

    def pop3(self, server, tls=False):
        service = "pop3s" if tls else "pop3"

        def connect():
            sock = self.connect(server, service)
            return tls_context().wrap_socket(sock) if tls else sock
        return _Pop3(connect, server.ports[service])

    def submission(self, server):
        client = _Submission(lambda: self.connect(server, "submission"))
        client.connect("server", server.ports["submission"])
        return client

    def greeting(self, server, service="imap"):
        """The first line of a plain port; b"" when closed without one."""
        try:
            sock = self.connect(server, service)
        except ConnectionError:
            return b""
        with Talk(sock) as talk:
            return talk.line()

    def is_refused(self, server, service="imap"):
        """Closed at accept, without a byte."""
        return self.greeting(server, service) == b""

    def try_imap(self, server, user, password, tls=False):
        try:
            client = self.imap(server, tls)
        except (imaplib.IMAP4.error, OSError):
            return REFUSED
        try:
            client.login(user, password)
            client.logout()
            return IN
        except imaplib.IMAP4.abort:
            return REFUSED
        except imaplib.IMAP4.error:
            return WRONG
        except OSError:
            return REFUSED
        finally:
            hang_up(client)

    def try_pop3(self, server, user, password, tls=False):
        try:
            client = self.pop3(server, tls)
        except (poplib.error_proto, OSError):
            return REFUSED
        try:
            client.user(user)
            client.pass_(password)
            client.quit()
            return IN
        except poplib.error_proto as error:
            return REFUSED if "EOF" in str(error) else WRONG
        except OSError:
            return REFUSED
        finally:
            client.close()

    def try_submission(self, server, user, password):
        try:
            client = self.submission(server)
        except (smtplib.SMTPException, OSError):
            return REFUSED
        try:
            client.ehlo()
            client.user, client.password = user, password
            # login() would try each mechanism in turn: three failures.
            client.auth("PLAIN", client.auth_plain)
            return IN
        except smtplib.SMTPAuthenticationError:
            return WRONG
        except (smtplib.SMTPException, OSError):
            return REFUSED
        finally:
            client.close()

    def guess(self, server, count, user="alice", start=0, at_once=5):
        """Try so many different wrong passwords over IMAP, a connection each,
        some at once: Dovecot takes half a second to say no. Returns what
        became of them."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(
                lambda n: self.try_imap(server, user, f"guess-{n}"),
                range(start, start + count)))
