-- What an administrator runs once, so that people can run experiments. Users run nothing.
-- It creates a role, a database with a schema, a warehouse and a resource monitor, and grants what the statements of this
-- project need, nothing more. Running it again changes nothing. Replace the names if yours are others:
--   DISTILL_USER the role   DISTILL.RUNS database and schema   DISTILL_WH the warehouse   DISTILL_MONITOR its monitor
-- Nothing of it was tried on an account; docs/snowflake.md says what is assumed.
USE ROLE ACCOUNTADMIN;

-- 1. The role, and who has it.
CREATE ROLE IF NOT EXISTS DISTILL_USER COMMENT = 'runs distillation experiments';
GRANT ROLE DISTILL_USER TO ROLE SYSADMIN;
-- For each person or service; a service logs in by a key pair (docs/snowflake.md).
-- GRANT ROLE DISTILL_USER TO USER ANNA;
-- CREATE USER IF NOT EXISTS DISTILL_SERVICE TYPE = SERVICE RSA_PUBLIC_KEY = 'MII…' DEFAULT_ROLE = DISTILL_USER;

-- 2. A warehouse. Model calls are no faster on a larger one; MEDIUM is the largest that is of any use, X-SMALL is enough.
CREATE WAREHOUSE IF NOT EXISTS DISTILL_WH WAREHOUSE_SIZE = 'X-SMALL' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE STATEMENT_TIMEOUT_IN_SECONDS = 3600;
GRANT USAGE ON WAREHOUSE DISTILL_WH TO ROLE DISTILL_USER;
-- Whoever cancels runs that another user started also sees and ends that user's statements:
-- GRANT MONITOR, OPERATE ON WAREHOUSE DISTILL_WH TO ROLE DISTILL_USER;

-- 3. A schema for tables and tuned models. Whoever creates a table owns it, so one role is shared by all who share runs.
CREATE DATABASE IF NOT EXISTS DISTILL;
CREATE SCHEMA IF NOT EXISTS DISTILL.RUNS;
GRANT USAGE ON DATABASE DISTILL TO ROLE DISTILL_USER;
GRANT USAGE, CREATE TABLE, CREATE MODEL ON SCHEMA DISTILL.RUNS TO ROLE DISTILL_USER;
-- Requests, inboxes or holdouts that are in tables already:
-- GRANT USAGE ON DATABASE SUPPORT TO ROLE DISTILL_USER;
-- GRANT USAGE ON SCHEMA SUPPORT.PUBLIC TO ROLE DISTILL_USER;
-- GRANT SELECT ON TABLE SUPPORT.PUBLIC.TICKETS TO ROLE DISTILL_USER;
-- The page as Streamlit in Snowflake (docs/app.md):
-- GRANT CREATE STAGE, CREATE STREAMLIT ON SCHEMA DISTILL.RUNS TO ROLE DISTILL_USER;
-- GRANT READ SESSION ON ACCOUNT TO ROLE DISTILL_USER;
-- make test-snowflake, which works in schemas of its own and drops them:
-- GRANT CREATE SCHEMA ON DATABASE DISTILL TO ROLE DISTILL_USER;

-- 4. Model calls and FINETUNE. PUBLIC has both rights on a new account; these lines make it hold where they were revoked.
-- SNOWFLAKE.AI_FUNCTIONS_USER, the narrower role, does not cover FINETUNE.
GRANT USE AI FUNCTIONS ON ACCOUNT TO ROLE DISTILL_USER;
GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE DISTILL_USER;
-- Which models: on a new account PUBLIC may use all. To allow some alone, take that away and grant one by one.
-- (CORTEX_MODELS_ALLOWLIST, which did this before, was retired in November 2026.)
-- CALL SNOWFLAKE.LOCAL.REVOKE_FROM_PUBLIC_APPLICATION_ROLE('APP_ROLE', 'CORTEX-MODEL-ROLE-ALL');
-- GRANT APPLICATION ROLE SNOWFLAKE."CORTEX-MODEL-ROLE-LLAMA3.3-70B" TO ROLE DISTILL_USER;
-- GRANT APPLICATION ROLE SNOWFLAKE."CORTEX-MODEL-ROLE-LLAMA3.1-8B" TO ROLE DISTILL_USER;
-- A model that SHOW CORTEX BASE MODELS IN SCHEMA SNOWFLAKE.MODELS does not list yet:
-- CALL SNOWFLAKE.MODELS.CORTEX_BASE_MODELS_REFRESH();

-- 5. Regions, for the whole account: prompts may then leave its region, so this is not switched on here.
-- Organisations created after 2026-03-09 have ANY_REGION, others their own cloud's part of the world. Tuned models are
-- reached in their own region alone, and FINETUNE trains in AWS_US_WEST_2, AWS_US_EAST_1, AWS_EU_CENTRAL_1, AZURE_EASTUS2.
-- SHOW PARAMETERS LIKE 'CORTEX_ENABLED_CROSS_REGION' IN ACCOUNT;
-- ALTER ACCOUNT SET CORTEX_ENABLED_CROSS_REGION = 'AWS_EU';
-- ALTER ACCOUNT SET CORTEX_ENABLED_CROSS_REGION = 'ANY_REGION';

-- 6. Costs. The monitor watches the warehouse and nothing else: model calls are billed beside it. What holds those back is
-- `budget: {max_credits: …}` in the experiment file; what they were is in ACCOUNT_USAGE, by QUERY_TAG.
CREATE RESOURCE MONITOR IF NOT EXISTS DISTILL_MONITOR WITH CREDIT_QUOTA = 20 FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND;
ALTER WAREHOUSE DISTILL_WH SET RESOURCE_MONITOR = DISTILL_MONITOR;
-- To read the bill, and to prove that a legacy model was used before; it opens all of ACCOUNT_USAGE:
-- GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE DISTILL_USER;
