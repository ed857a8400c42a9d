"""Links to runs that Prefect's server knows. Of others, made before it was started or deleted there, the id stays."""

from __future__ import annotations

from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from cortex_distill.markup import RUN_LINK

AT_ONCE = 200  # the most that the server lists in an answer


def live(page: str) -> str:
    """The page with links to pages that are there, and the bare words of the others. Asks Prefect's server."""
    known = _known({UUID(found["run_id"]) for found in RUN_LINK.finditer(page)})
    return RUN_LINK.sub(lambda found: found[0] if UUID(found["run_id"]) in known else found["said"], page)


def _known(run_ids: set[UUID]) -> set[UUID]:
    if not run_ids:
        return set()
    asked = sorted(run_ids)
    with get_client(sync_client=True) as client:
        return {
            one.id
            for first in range(0, len(run_ids), AT_ONCE)
            for one in client.read_flow_runs(flow_run_filter=_of(asked[first : first + AT_ONCE]), limit=AT_ONCE)
        }


def _of(run_ids: list[UUID]) -> FlowRunFilter:
    return FlowRunFilter(id=FlowRunFilterId(any_=run_ids))
