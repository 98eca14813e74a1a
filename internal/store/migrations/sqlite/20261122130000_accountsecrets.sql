-- +goose Up
-- create "account_secrets" table
CREATE TABLE `account_secrets` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `version` integer NOT NULL DEFAULT (1), `secret` blob NOT NULL, `secret_fingerprint` text NOT NULL, `previous_secret` blob NULL, `previous_secret_valid_until` datetime NULL, PRIMARY KEY (`id`));
-- create index "accountsecret_account_id" to table: "account_secrets"
CREATE UNIQUE INDEX `accountsecret_account_id` ON `account_secrets` (`account_id`);

