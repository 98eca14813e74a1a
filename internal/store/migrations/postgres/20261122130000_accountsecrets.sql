-- +goose Up
-- create "account_secrets" table
CREATE TABLE "account_secrets" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "secret" bytea NOT NULL, "secret_fingerprint" character varying NOT NULL, "previous_secret" bytea NULL, "previous_secret_valid_until" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "accountsecret_account_id" to table: "account_secrets"
CREATE UNIQUE INDEX "accountsecret_account_id" ON "account_secrets" ("account_id");

