"""Whether the role may do what a run does, and the warehouse is of use; each finding with what mends it."""

from collections.abc import Iterator, Sequence

from cortex_distill.account import Account, Grant
from cortex_distill.findings import Finding, unchecked

AT = "engine"
# Cortex does not get faster on more: docs: user-guide/snowflake-cortex/aisql-cost, "no larger than MEDIUM".
LARGEST = ("X-SMALL", "SMALL", "MEDIUM")
# USAGE of the schema is not among them: who has none sees no grants on it, and is told that it could not be checked.
ON_SCHEMA = {"CREATE TABLE": "the tables of a run", "CREATE MODEL": "the tuned student"}
_AI = ("USE AI FUNCTIONS", "USE AI FUNCTION AI_COMPLETE")


def rights_findings(account: Account) -> Iterator[Finding]:
    """Rights in the schema, rights to call models and to train one, the warehouse."""
    yield from _schema(account)
    yield from _functions(account)
    yield from _tuning(account)
    yield from _warehouse(account)


def _schema(account: Account) -> Iterator[Finding]:
    here = account.here
    schema = f"{here.database}.{here.schema}"
    if account.on_schema is None:
        yield unchecked(AT, f"rights of role {here.role} in schema {schema}", account.unknown["on_schema"])
        return
    if not account.on_schema:
        yield unchecked(AT, f"rights in schema {schema}", f"SHOW GRANTS ON SCHEMA shows role {here.role} none")
        return
    for privilege, purpose in ON_SCHEMA.items():
        held = _held(account.on_schema, (privilege, "OWNERSHIP", "ALL PRIVILEGES"))
        if held is False:
            what = f"role {here.role} has no {privilege} on schema {schema}, needed for {purpose}"
            yield Finding(AT, f"{what}; run GRANT {privilege} ON SCHEMA {schema} TO ROLE {here.role}")
        elif held is None:
            yield unchecked(AT, f"{privilege} on schema {schema}", "it is granted to a role that is no account role")


def _held(grants: Sequence[Grant], privileges: Sequence[str]) -> bool | None:
    """None if somebody has one of them of whom IS_ROLE_IN_SESSION knows nothing, such as a database role."""
    fitting = [grant for grant in grants if grant.privilege in privileges]
    if any(grant.ours for grant in fitting):
        return True
    return None if any(grant.to != "ROLE" for grant in fitting) else False


def _functions(account: Account) -> Iterator[Finding]:
    role, what = account.here.role, "the privilege USE AI FUNCTIONS on the account"
    if account.on_account is None:
        yield unchecked(AT, what, account.unknown["on_account"])
    elif not any(grant.privilege in _AI for grant in account.on_account):
        yield unchecked(AT, what, f"SHOW GRANTS ON ACCOUNT shows role {role} nobody who has it")
    elif not _held(account.on_account, _AI):
        grant = f"GRANT USE AI FUNCTIONS ON ACCOUNT TO ROLE {role}"
        yield Finding(AT, f"role {role} may not call AI functions; an ACCOUNTADMIN runs {grant}")


def _tuning(account: Account) -> Iterator[Finding]:
    if account.no_tuning:
        role = account.here.role
        said = f"FINETUNE cannot be used by role {role} ({account.no_tuning})"
        yield Finding(AT, f"{said}; an ACCOUNTADMIN runs GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE {role}")


def _warehouse(account: Account) -> Iterator[Finding]:
    here, size = account.here, account.warehouse_size
    name = here.warehouse
    if not name:
        yield Finding(AT, 'the session has no warehouse; name one in connections.toml (warehouse = "…")')
    elif size is None:
        yield unchecked(AT, f"the size of warehouse {name}", account.unknown["warehouse_size"])
    elif not size:
        yield unchecked(AT, f"the size of warehouse {name}", f"SHOW WAREHOUSES does not list it for {here.role}")
    elif size.upper() not in LARGEST:
        what = f"warehouse {name} is {size}; Cortex functions are no faster on more than Medium, which costs less"
        yield Finding(AT, f"{what}: ALTER WAREHOUSE {name} SET WAREHOUSE_SIZE = MEDIUM", stops=False)
