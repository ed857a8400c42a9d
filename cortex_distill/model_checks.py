"""Whether the models of an experiment can be called from here; if not, the nearest that can.

What an account shows counts; the catalogue (models.csv) says why a name is missing, and what was retired when.
A model that SHOW CORTEX BASE MODELS does not list cannot be used by the role: the page of that statement says so.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import NamedTuple

from cortex_distill.account import Account, BaseModel
from cortex_distill.findings import Finding, listed, problems, unchecked
from cortex_distill.model_catalogue import MODELS, READ_ON, TUNABLE, TUNING_REGIONS

STUDENT = "models.student"
NO_CROSSING = "DISABLED"


class Known(NamedTuple):
    """What else is known of a model that was asked for."""

    used: bool | None = None
    """Whether the account's history has a call of it; None if that cannot be read. Asked of legacy models alone."""
    used_unknown: str = ""
    tuned: bool = False
    """Whether it is the name of a fine-tuned model."""


def model_findings(
    asked: Mapping[str, str], account: Account, known: Mapping[str, Known], today: date
) -> Iterator[Finding]:
    """Of each model once, by the keys that name it (`models.teacher` → name)."""
    if not account.models:
        why = account.unknown.get("models") or f"SHOW CORTEX BASE MODELS shows role {account.here.role} none"
        yield unchecked("models", "whether the models exist and may be used", why)
        return
    student = []
    for model in dict.fromkeys(asked.values()):
        at = ", ".join(key for key, name in asked.items() if name == model)
        found = list(_one(at, model, account, known.get(model, Known()), today))
        student += problems(found) if model == asked[STUDENT] else []
        yield from found
    yield from _student(asked[STUDENT], account, is_fine=not student)


def usable(account: Account) -> list[str]:
    """The models that can be called from here, as far as the account says."""
    shown = (account.models or {}).values()
    return [one.name for one in shown if one.status in ("GA", "PUPR") and not _out_of_reach(one, account)]


def nearest(model: str, names: Iterable[str]) -> list[str]:
    """At most three names: those that look most like it, else those of its family; of either the nearest in size first,
    where the names say how many parameters they have."""
    known = sorted(names)
    near = get_close_matches(model.lower(), known, n=3, cutoff=0.6)
    family = re.split(r"[-\d]", model.lower())[0]
    near = near or [name for name in known if family and name.startswith(family)][:3]
    size = _billions(model)
    return sorted(near, key=lambda name: abs(math.log(_billions(name) / size)) if size and _billions(name) else 0.0)


def _billions(model: str) -> float:
    """Parameters by the name, `llama3.1-405b`; 0 if it does not say."""
    found = re.search(r"-(\d+(\.\d+)?)b\b", model.lower())
    return float(found[1]) if found else 0.0


def _choice(near: list[str], account: Account) -> str:
    some = usable(account)
    more = "" if len(some) <= 6 else " (SHOW CORTEX BASE MODELS IN SCHEMA SNOWFLAKE.MODELS lists all)"
    return f"write {listed(near)}" if near else f"write one of {listed(some)}{more}"


def _one(at: str, model: str, account: Account, known: Known, today: date) -> Iterator[Finding]:
    shown = (account.models or {}).get(model.lower())
    near = _tunable(account) if at == STUDENT else nearest(model, usable(account))
    instead = _choice(near, account)
    if shown is None:
        if known.tuned:
            yield Finding(at, f"'{model}' is fine-tuned; no page says whether it takes a JSON schema", stops=False)
        else:
            yield Finding(at, _missing(model, account, near, today))
        return
    if model != shown.name:
        yield Finding(at, f"'{model}' is spelt '{shown.name}' on Snowflake's pages; write that", stops=False)
    if shown.status == "EOL":
        yield Finding(at, f"'{model}' is retired: its end of life was {_end(shown)}; {instead}")
    elif reach := _out_of_reach(shown, account):
        yield Finding(at, f"{reach}; or {instead}")
    elif shown.status == "LEGACY":
        yield from _legacy(at, shown, known, instead)
    elif not shown.in_region and not shown.cross_region:
        yield unchecked(at, f"whether '{model}' is served in {account.here.region}", "SHOW says nothing of its regions")
    elif account.cross_region is None and account.here.region not in shown.in_region:
        yield unchecked(at, f"whether '{model}' can be reached across regions", account.unknown["cross_region"])


def _missing(model: str, account: Account, near: list[str], today: date) -> str:
    listing = MODELS.get(model.lower())
    if listing is not None and listing.status(today) == "EOL":
        return (
            f"'{model}' is retired: its end of life was {listing.eol_date} ({listing.source}); {_choice(near, account)}"
        )
    if listing is not None:
        role = f'"CORTEX-MODEL-ROLE-{model.upper()}"'
        grant = f"GRANT APPLICATION ROLE SNOWFLAKE.{role} TO ROLE {account.here.role}"
        refresh = "CALL SNOWFLAKE.MODELS.CORTEX_BASE_MODELS_REFRESH()"
        return (
            f"role {account.here.role} may not use '{model}'; an ACCOUNTADMIN runs {grant} (or {refresh}, if it is new)"
        )
    return f"there is no model '{model}'; {f'did you mean {listed(near)}?' if near else _choice(near, account)}"


def _end(shown: BaseModel) -> str:
    listing = MODELS.get(shown.name)
    source = f" ({listing.source})" if listing and listing.eol_date == shown.eol_date else ""
    return f"{shown.eol_date or 'reached'}{source}"


def _legacy(at: str, shown: BaseModel, known: Known, instead: str) -> Iterator[Finding]:
    """Only accounts that had used it may go on: the usage history says whether this one has, within its reach."""
    since = f"'{shown.name}' is legacy since {shown.legacy_date or 'a day that SHOW does not tell'}"
    ends = f", and ends {shown.eol_date[:1].lower()}{shown.eol_date[1:]}" if shown.eol_date else ""
    if known.used is None:
        yield unchecked(at, f"whether this account may still call it, as {since}{ends}", known.used_unknown)
    elif known.used:
        yield Finding(at, f"{since}{ends}; this account has used it and may go on until then", stops=False)
    else:
        proof = f"SELECT AI_COMPLETE('{shown.name}', 'Hello'), which its history then shows after some minutes"
        yield Finding(at, f"{since}, and this account has no call of it on record; {instead}, or prove it by {proof}")


def _out_of_reach(shown: BaseModel, account: Account) -> str:
    """Why it cannot be reached from this region; '' if it can, or if that is not known."""
    region, setting = account.here.region, account.cross_region
    if region in shown.in_region or setting is None or not (shown.in_region or shown.cross_region):
        return ""
    ways = {way.strip() for way in setting.upper().split(",")} - {"", NO_CROSSING}
    if not shown.cross_region:
        return (
            f"'{shown.name}' is served in {listed(sorted(shown.in_region), 12)} alone, and this account is in {region}"
        )
    if ways & shown.cross_region or any(way.endswith("_GLOBAL") for way in ways):
        return ""  # SHOW lists no *_GLOBAL ways, which reach at least as far as one cloud
    choose = " or ".join(f"'{way}'" for way in sorted(shown.cross_region))
    far = f"'{shown.name}' is not served in {region}, and CORTEX_ENABLED_CROSS_REGION is '{setting or NO_CROSSING}'"
    return f"{far}; an ACCOUNTADMIN runs ALTER ACCOUNT SET CORTEX_ENABLED_CROSS_REGION = {choose}"


def _tunable(account: Account) -> list[str]:
    shown = account.models or {}
    return [name for name in TUNABLE if name in shown and shown[name].status in ("GA", "PUPR")]


def _student(model: str, account: Account, *, is_fine: bool) -> Iterator[Finding]:
    """FINETUNE takes few models, in few regions, and what it makes is not reached across regions."""
    region, takes = account.here.region, _tunable(account)
    if is_fine and model.lower() not in takes:
        write = listed(takes or TUNABLE[:1])
        yield Finding(STUDENT, f"FINETUNE does not take '{model}' (its page as of {READ_ON}); write {write}")
    if account.here.in_cloud and region not in TUNING_REGIONS:
        where = ", ".join(TUNING_REGIONS)
        yield Finding(
            STUDENT, f"FINETUNE trains in {where} alone, and this account is in {region}; use an account there"
        )
    elif account.here.in_cloud:
        what = (
            "Snowflake calls fine-tuned llama3.1-8b legacy since 2026-08-12 (BCR 2388) while FINETUNE's page offers it"
        )
        yield Finding(STUDENT, f"{what}: an account that had none may be refused; nothing says which", stops=False)
