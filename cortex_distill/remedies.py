"""What to do about refused statements and logins that people meet: by Snowflake's words, which say more than numbers.

The words are those of public reports and of the connector's source; none was seen on an account by us.
"""

import re
from typing import NamedTuple


class _Remedy(NamedTuple):
    words: str
    """A regular expression, in small letters."""
    advice: str


_STATEMENTS = (
    _Remedy(r"insufficient privileges", "somebody with the right runs the GRANT that is missing; README, Run it on"
            " Snowflake, lists what a role needs, and `distill validate FILE --engine NAME` checks it"),
    _Remedy(r"no active warehouse", "name one in connections.toml (warehouse = \"…\"), and let the role use it:"
            " GRANT USAGE ON WAREHOUSE … TO ROLE …"),
    _Remedy(r"resource monitor", "the warehouse has spent its quota: raise the monitor's, or name another warehouse in"
            " connections.toml; what was answered is kept, so that the same command goes on"),
    _Remedy(r"no space is left", "free some, or set DISTILL_HOME to a folder elsewhere; what was answered and committed"
            " is kept, so that the same command goes on"),
    _Remedy(r"does not exist or not authorized", "check its name, and whether the role may use it (SHOW GRANTS ON …)"),
)  # fmt: skip
_LOGINS = (
    _Remedy(r"invalid connection_name", "write it into connections.toml (README, Run it on Snowflake)"),
    _Remedy(r"incorrect username or password", "mend user and password (or authenticator) of that connection"),
    _Remedy(r"\bmfa\b|multi-factor|\bduo\b",
            "give it a key pair, a token, or authenticator = \"USERNAME_PASSWORD_MFA\""),
    _Remedy(r"could not connect|failed to connect|name or service|\b404\b|timed out", "check its account (ORG-ACCOUNT,"
            " without .snowflakecomputing.com) and this machine's network and proxy"),
    _Remedy(r"private.?key|no such file|\.p8", "mend private_key_file of that connection"),
    _Remedy(r"role .* not (exist|granted)|not authorized", "name a role that its user has"),
    _Remedy(r"jwt|token", "renew the key or token that it names"),
    _Remedy(r"toml|pars|duplicate|unexpected", "mend connections.toml, which is not TOML as it stands"),
    _Remedy(r"permission", "let your user alone read the file: chmod 600"),
)  # fmt: skip


def remedy_of_statement(message: str) -> str:
    """What to do about a statement that was refused; '' if nobody knows (then it may be a defect of ours)."""
    return _found(_STATEMENTS, message)


def remedy_of_login(message: str) -> str:
    """What to do about a login that failed."""
    return _found(_LOGINS, message) or "check the connection in connections.toml"


def _found(remedies: tuple[_Remedy, ...], message: str) -> str:
    return next((one.advice for one in remedies if re.search(one.words, message.lower())), "")
