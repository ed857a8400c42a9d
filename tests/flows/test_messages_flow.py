"""The whole flow of messages: an inbox twice, the second time for nothing; and what the command refuses at once."""

import pytest
from click.testing import CliRunner
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment
from cortex_distill.run import Run
from cortex_distill.session import open_session
from flows import answering
from tests.inbox import COMPARED, MESSAGES, train, write_csv


def test_an_inbox_goes_through_the_flow_twice_the_second_time_without_a_call(
    prefect_server, write, home, monkeypatch, tmp_path
):
    monkeypatch.setenv("DISTILL_MODELS", "simulated")
    monkeypatch.setenv("DISTILL_HOME", str(home))
    write_csv(tmp_path / "inbox.csv")
    path = write({"messages": COMPARED | {"inbox": {"file": "inbox.csv"}}})
    session = open_session("local")
    train(Run(session, "aa-1", load_experiment(path), "local"))
    from flows.messages import messages  # noqa: PLC0415

    first = messages(str(path))
    assert (first.total("messages"), first.total("ok"), first.calls_made > 12) == (12, 12, True)
    assert first.inbox.endswith("inbox.csv")
    second = messages(str(path), run="aa")
    assert second.calls_made == 0
    assert (second.kept, second.compared[0].duel) == (first.kept, first.compared[0].duel)
    assert messages(str(path), limit=2).total("messages") == 4
    counted = session.sql("SELECT COUNT(*) FROM MESSAGES GROUP BY run_id ORDER BY 1").collect()
    assert [row[0] for row in counted] == [4, 12, 12]
    session.close()
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["messages-shoes"])))
    assert len(found) == 3
    assert all("Nothing was sent to anyone" in str(one.data) for one in found)


def test_the_command_refuses_before_anything_starts(write):
    path = str(write())
    refused = CliRunner().invoke(answering.messages, [path])
    assert isinstance(refused.exception, ConfigError)
    assert "messages: is missing; write messages: {model" in str(refused.exception)
    path = str(write({"messages": MESSAGES}))
    refused = CliRunner().invoke(answering.messages, [path, "--run", "a", "--alias", "b"])
    assert "either --run or --alias" in str(refused.exception)


@pytest.mark.parametrize("wrong", [["--limit", "-1"], []])
def test_the_command_says_how_it_is_used(wrong):
    assert CliRunner().invoke(answering.messages, wrong).exit_code == 2
