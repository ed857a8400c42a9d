"""What an account says about itself: who we are, which base models there are, what may be done. Nothing is changed.

Every statement may be refused, as Snowflake's pages do not say what each role may see: what could not be learnt is
None, and `Account.unknown` says why. Sources: docs: sql-reference/sql/{show-cortex-base-models, show-grants,
show-warehouses, show-parameters}, sql-reference/functions/is_role_in_session.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_distill.findings import first_line
from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql, literal

if TYPE_CHECKING:
    from cortex_distill.session import Session

_CLOUD = re.compile(r"(AWS|AZURE|GCP)_")


class Here(NamedTuple):
    """Where the session stands; '' for what it has not."""

    region: str
    role: str
    warehouse: str
    database: str
    schema: str

    @property
    def in_cloud(self) -> bool:
        """Whether the region is one that Snowflake's pages list; of others they say nothing."""
        return _CLOUD.match(self.region) is not None


class BaseModel(NamedTuple):
    """A row of SHOW CORTEX BASE MODELS, which lists those that the role may use."""

    name: str
    """In small letters, as AI_COMPLETE takes it."""
    status: str
    """GA, PUPR, PRPR, LEGACY, EOL; '' if it has none yet."""
    in_region: frozenset[str]
    cross_region: frozenset[str]
    """Values of CORTEX_ENABLED_CROSS_REGION that reach it."""
    legacy_date: str
    eol_date: str


class Grant(NamedTuple):
    """A privilege that somebody has."""

    privilege: str
    to: str
    """ROLE, DATABASE_ROLE, …"""
    grantee: str
    ours: bool
    """Whether it is an account role whose privileges this session has."""


class Account(NamedTuple):
    """What could be learnt; None where a statement was refused."""

    here: Here
    models: dict[str, BaseModel] | None
    cross_region: str | None
    """CORTEX_ENABLED_CROSS_REGION."""
    warehouse_size: str | None
    """'' if SHOW WAREHOUSES does not list it."""
    on_schema: list[Grant] | None
    on_account: list[Grant] | None
    no_tuning: str | None
    """Why FINETUNE cannot be used by this role; '' if it can. Its jobs are listed, which costs nothing."""
    unknown: dict[str, str]
    """Field → why it is None."""


class _Asking:
    """Runs statements; what is refused is noted and None."""

    def __init__(self, session: Session) -> None:
        self.session, self.refused = session, dict[str, str]()

    def rows(self, field: str, text: str) -> list[dict[str, Any]] | None:
        try:
            return [row.as_dict() for row in execute(self.session, Sql(text))]
        except SqlError as error:
            if error.transient:
                raise
            self.refused[field] = first_line(str(error))
            return None


def account_of(session: Session) -> Account:
    """Ask. Raises SqlError for a failure that may pass; any other is noted in `unknown`."""
    row = execute(
        session,
        Sql("SELECT CURRENT_REGION(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE(), CURRENT_SCHEMA()"),
    )[0]
    region, *others = (str(cell or "") for cell in row)
    here = Here(region.split(".")[-1], *others)  # an organisation may put a group of regions before it
    asking = _Asking(session)
    shown = asking.rows("models", "SHOW CORTEX BASE MODELS IN SCHEMA SNOWFLAKE.MODELS")
    crossing = asking.rows("cross_region", "SHOW PARAMETERS LIKE 'CORTEX_ENABLED_CROSS_REGION' IN ACCOUNT")
    warehouses = asking.rows("warehouse_size", "SHOW WAREHOUSES") if here.warehouse else []
    on_schema = asking.rows("on_schema", f"SHOW GRANTS ON SCHEMA {_quoted(here.database)}.{_quoted(here.schema)}")
    on_account = asking.rows("on_account", "SHOW GRANTS ON ACCOUNT")
    jobs = asking.rows("no_tuning", "SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')")
    return Account(
        here,
        None if shown is None else {one.name: one for one in map(_model, shown)},
        None if crossing is None else next((str(one["value"]) for one in crossing), ""),
        None if warehouses is None else _size(warehouses, here.warehouse),
        _grants(asking, "on_schema", on_schema),
        _grants(asking, "on_account", on_account),
        asking.refused.get("no_tuning", "") if jobs is None else "",
        asking.refused,
    )


def _model(row: dict[str, Any]) -> BaseModel:
    dates = (str(row["legacy_date"] or ""), str(row["eol_date"] or ""))
    regions = (_names(row["in_region_availability"]), _names(row["cross_region_availability"]))
    return BaseModel(str(row["name"]).strip('"').lower(), str(row["lifecycle_status"] or ""), *regions, *dates)


def _names(cell: Any) -> frozenset[str]:
    """An array of names, which clients get as JSON text; empty for NULL."""
    return frozenset(str(name) for name in (json.loads(cell) if isinstance(cell, str) else cell) or ())


def _size(rows: list[dict[str, Any]], warehouse: str) -> str:
    return next((str(row["size"]) for row in rows if str(row["name"]) == warehouse.strip('"')), "")


def _grants(asking: _Asking, field: str, rows: list[dict[str, Any]] | None) -> list[Grant] | None:
    """With whose they are: one statement for all grantees."""
    if rows is None:
        return None
    grantees = sorted({str(row["grantee_name"]) for row in rows if row["granted_to"] == "ROLE"})
    ours = set[str]()
    if grantees:
        columns = ", ".join(f"IS_ROLE_IN_SESSION({literal(name)}) AS r{number}" for number, name in enumerate(grantees))
        answer = asking.rows(field, f"SELECT {columns}")
        if answer is None:
            return None
        ours = {name for name, cell in zip(grantees, answer[0].values(), strict=True) if cell}
    return [
        Grant(str(row["privilege"]), str(row["granted_to"]), name := str(row["grantee_name"]), name in ours)
        for row in rows
    ]


def _quoted(name: str) -> str:
    """A name as CURRENT_DATABASE() gives it, quoted, as it may not be a plain word."""
    return '"' + name.strip('"').replace('"', '""') + '"'
