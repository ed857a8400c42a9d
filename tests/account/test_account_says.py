"""What an account says of itself: the statements of the check before a run, and the columns that are read of them."""

import re

import pytest

from cortex_distill.account import account_of
from cortex_distill.model_checks import usable
from cortex_distill.rights_check import LARGEST, rights_findings
from cortex_distill.session import SqlError, execute
from cortex_distill.sql import Sql
from tests.account.conftest import MODEL, read


@pytest.fixture(scope="module")
def account(place):
    """All of it, asked as before a run."""
    return account_of(place.session)


@pytest.mark.assumption("show-models")
def test_base_models_are_listed_with_status_dates_and_regions(account):
    assert "models" not in account.unknown
    assert MODEL in account.models
    assert {one.status for one in account.models.values()} <= {"GA", "PUPR", "PRPR", "LEGACY", "EOL", ""}


@pytest.mark.assumption("model-usable")
def test_the_model_of_these_tests_can_be_used_from_here(account):
    assert MODEL in usable(account)


@pytest.mark.assumption("show-parameters")
def test_any_role_may_read_the_setting_of_cross_region_inference(account):
    assert account.unknown.get("cross_region") is None
    assert account.cross_region is not None


@pytest.mark.assumption("show-warehouses")
def test_the_size_of_the_warehouse_is_told(account):
    assert (account.warehouse_size or "").upper() in {*LARGEST, "LARGE", "X-LARGE"} or not account.here.warehouse


@pytest.mark.assumption("show-grants-schema")
def test_whoever_made_a_schema_is_shown_to_own_it(account):
    assert [(one.to, one.ours) for one in account.on_schema if one.privilege == "OWNERSHIP"] == [("ROLE", True)]


@pytest.mark.assumption("show-grants-account")
def test_any_role_may_see_who_may_call_ai_functions(account):
    assert account.unknown.get("on_account") is None
    assert any(one.privilege.startswith("USE AI FUNCTION") for one in account.on_account)


@pytest.mark.assumption("rights-enough")
def test_a_role_that_owns_the_schema_is_told_of_no_missing_right(account):
    assert [one.what for one in rights_findings(account) if one.stops and "warehouse" not in one.what] == []


@pytest.mark.assumption("finetune-show")
def test_fine_tuning_jobs_are_an_array(place, account):
    assert account.no_tuning == ""
    assert isinstance(read(place.one("SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')")), list)


@pytest.mark.assumption("region-name")
@pytest.mark.account_only("the region of the local engine is LOCAL")
def test_the_region_is_spelt_as_on_the_pages(account):
    assert re.fullmatch(r"(AWS|AZURE|GCP)_[A-Z0-9_]+", account.here.region)


@pytest.mark.assumption("show-tuned")
def test_models_of_a_schema_are_shown_by_name_kind_and_place(place):
    assert list(execute(place.session, Sql(f"SHOW MODELS LIKE 'NO_SUCH_MODEL' IN SCHEMA {place.schema}"))) == []
    cursor = place.session.connection.cursor()
    cursor.execute(f"SHOW MODELS IN SCHEMA {place.schema}")
    assert {"name", "database_name", "schema_name", "model_type"} <= {column.name for column in cursor.description}


@pytest.mark.assumption("usage-view")
def test_the_history_of_model_calls_can_be_read(place):
    said = "SELECT COUNT(*) FROM SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY WHERE LOWER(MODEL_NAME) = ?"
    try:
        assert place.one(said, MODEL) >= 0
    except SqlError as error:
        if error.code != 2003:
            raise
        pytest.skip("the role may not read ACCOUNT_USAGE")


@pytest.mark.assumption("streamlit-channel")
@pytest.mark.account_only("there is no channel of packages here")
def test_the_packages_of_the_page_are_in_the_channel(place):
    found = place.rows(
        """SELECT package_name, version FROM INFORMATION_SCHEMA.PACKAGES WHERE language = 'python'
        AND (package_name = 'streamlit' AND version = '1.52.2' OR package_name = 'altair' AND version LIKE '5.%'
            OR package_name = 'pandas' AND version LIKE '2.%' OR package_name = 'snowflake-snowpark-python')"""
    )
    assert {name for name, _ in found} == {"streamlit", "altair", "pandas", "snowflake-snowpark-python"}
