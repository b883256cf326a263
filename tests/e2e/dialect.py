# Copyright (c) 2026 dovecot-warden authors, see the included COPYING file
"""How the configuration is written for the Dovecot that is here: 2.4 says
almost everything in other words than 2.3."""

import re
import subprocess

HOME = "/run/e2e"


def _version():
    said = subprocess.run(["dovecot", "--version"], capture_output=True,
                          text=True, check=True).stdout
    return tuple(int(number) for number in
                 re.match(r"(\d+)\.(\d+)\.(\d+)", said).groups())


VERSION = _version()
IS_2_3 = VERSION < (2, 4)

# The stanza of the README for 2.3, which 2.4 takes as well.
SERVICE_WRITTEN_OUT = """
service warden {
  executable = warden
  process_min_avail = 1
  process_limit = 1
}
"""

_COMMON = """
base_dir = {base}
state_dir = {home}/state
listen = {listen}
protocols = imap pop3 submission
log_path = {home}/log
# Failures are told at once: these tests are about what comes after them.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
ssl = yes
auth_mechanisms = plain login cram-md5
first_valid_uid = 1

submission_relay_host = 127.0.0.1
service auth {{
  unix_listener {home}/auth-client {{
    mode = 0600
  }}
}}
service imap-login {{
{imap_login}
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
    ssl = yes
  }}
}}
service pop3-login {{
{pop3_login}
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
    ssl = yes
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {ports[submission]}
  }}
}}
"""

if IS_2_3:
    MAIN = _COMMON + """
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
mail_location = maildir:{home}/mail/%u
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={home}/mail/%u allow_all_users=yes
}}
"""
    SERVICE_STANZA = SERVICE_WRITTEN_OUT
    NO_SERVICE = ""
    PASSDB_WARDEN = "passdb {\n  driver = warden\n}\n"
    PASSDB_WARDEN_AGAIN = PASSDB_WARDEN
    PASSDB_WARDEN_DENY = "passdb {\n  driver = warden\n  deny = yes\n}\n"
    PASSDB_WARDEN_MASTER = "passdb {\n  driver = warden\n  master = yes\n}\n"
    PASSDB_USERS = f"""passdb {{
  driver = passwd-file
  args = scheme=PLAIN {HOME}/users
}}
"""
    # A second database of the same kind: HOME/codes.
    PASSDB_CODES = PASSDB_USERS.replace("/users", "/codes")
    PASSDB_MASTER_USERS = f"""passdb {{
  driver = passwd-file
  args = scheme=PLAIN {HOME}/masters
  master = yes
}}
"""
    # One that a worker process asks: users of /etc/shadow (2.3 only), or ours.
    PASSDB_WORKER = "passdb {\n  driver = shadow\n}\n"
    # Whoever is asked runs HOME/broken.
    PASSDB_BROKEN = f"""passdb {{
  driver = checkpassword
  args = {HOME}/broken
}}
"""
    LOG_BROKEN = "exited with status 111"
    MECHANISMS = "mechanisms"
    LOG_LOGIN = "Login: "

    # Processes of a login service that serve so many clients in all.
    COUNT_SETTING = "service_count"
    COUNT_UNLIMITED = "0"

    def passdb_proxy(port):
        """Takes any password, and leaves it to another server."""
        return ("passdb {\n  driver = static\n  args = nopassword=y proxy=y "
                f"host=127.0.0.1 port={port}\n}}\n")

    def cleartext_without_tls(allowed):
        return f"disable_plaintext_auth = {'no' if allowed else 'yes'}\n"

    def warden_settings(settings):
        return "plugin {\n" + "".join(
            f"  warden_{name} = {value}\n"
            for name, value in settings.items()) + "}\n"
else:
    MAIN = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
""" + _COMMON + """
ssl_server_cert_file = {home}/cert.pem
ssl_server_key_file = {home}/key.pem
mail_driver = maildir
mail_path = {home}/mail/%{{user}}
mail_home = {home}/mail/%{{user}}
service submission-login {{
  inet_listener submissions {{
    port = 0
  }}
}}
userdb static {{
  fields {{
    uid = 65534
    gid = 65534
    home = {home}/mail/%{{user}}
  }}
  static_allow_all_users = yes
}}
"""
    # It comes with the settings module.
    SERVICE_STANZA = ""
    NO_SERVICE = "service warden {\n  process_min_avail = 0\n}\n"
    PASSDB_WARDEN = "passdb warden {\n}\n"
    PASSDB_WARDEN_AGAIN = "passdb again {\n  driver = warden\n}\n"
    PASSDB_WARDEN_DENY = "passdb warden {\n  deny = yes\n}\n"
    PASSDB_WARDEN_MASTER = \
        "passdb warden_master {\n  driver = warden\n  master = yes\n}\n"
    PASSDB_USERS = f"""passdb passwd-file {{
  passwd_file_path = {HOME}/users
  default_password_scheme = PLAIN
}}
"""
    PASSDB_CODES = PASSDB_USERS.replace("/users", "/codes").replace(
        "passdb passwd-file {\n", "passdb codes {\n  driver = passwd-file\n")
    PASSDB_MASTER_USERS = f"""passdb masters {{
  driver = passwd-file
  passwd_file_path = {HOME}/masters
  default_password_scheme = PLAIN
  master = yes
}}
"""
    PASSDB_WORKER = PASSDB_USERS.replace("{\n", "{\n  use_worker = yes\n")
    PASSDB_BROKEN = f"""passdb passwd-file {{
  passwd_file_path = {HOME}/broken/file
}}
"""
    LOG_BROKEN = f"{HOME}/broken/file"
    MECHANISMS = "mechanisms_filter"
    LOG_LOGIN = "Logged in: "

    COUNT_SETTING = "restart_request_count"
    COUNT_UNLIMITED = "unlimited"

    def passdb_proxy(port):
        """Takes any password, and leaves it to another server."""
        return ("passdb static {\n  fields {\n    nopassword = y\n"
                "    proxy = y\n    host = 127.0.0.1\n"
                f"    port = {port}\n  }}\n}}\n")

    def cleartext_without_tls(allowed):
        return f"auth_allow_cleartext = {'yes' if allowed else 'no'}\n"

    def warden_settings(settings):
        return "".join(f"warden_{name} = {value}\n"
                       for name, value in settings.items())


def login_count(count, client_limit=None):
    """Lines into the service of login processes; count None: any number."""
    lines = f"  {COUNT_SETTING} = " \
        f"{COUNT_UNLIMITED if count is None else count}\n"
    if client_limit is not None:
        lines += f"  client_limit = {client_limit}\n"
    return lines
