-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_api_keys" table
CREATE TABLE `new_api_keys` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `token_id` text NOT NULL, `secret_hash` blob NOT NULL, `name` text NOT NULL, `kind` text NOT NULL DEFAULT ('KEY'), `scopes` json NOT NULL, `created_at` datetime NOT NULL, `last_used_at` datetime NULL, `expires_at` datetime NULL, `revoked_at` datetime NULL, PRIMARY KEY (`id`));
-- copy rows from old table "api_keys" to new temporary table "new_api_keys"
INSERT INTO `new_api_keys` (`id`, `account_id`, `token_id`, `secret_hash`, `name`, `scopes`, `created_at`, `last_used_at`, `expires_at`, `revoked_at`) SELECT `id`, `account_id`, `token_id`, `secret_hash`, `name`, `scopes`, `created_at`, `last_used_at`, `expires_at`, `revoked_at` FROM `api_keys`;
-- drop "api_keys" table after copying rows
DROP TABLE `api_keys`;
-- rename temporary table "new_api_keys" to "api_keys"
ALTER TABLE `new_api_keys` RENAME TO `api_keys`;
-- create index "api_keys_token_id_key" to table: "api_keys"
CREATE UNIQUE INDEX `api_keys_token_id_key` ON `api_keys` (`token_id`);
-- create index "apikey_account_id_id" to table: "api_keys"
CREATE INDEX `apikey_account_id_id` ON `api_keys` (`account_id`, `id`);
-- create index "apikey_account_id_name_id" to table: "api_keys"
CREATE INDEX `apikey_account_id_name_id` ON `api_keys` (`account_id`, `name`, `id`);
-- create index "authsetting_account_id_updated_at_id" to table: "auth_settings"
CREATE INDEX `authsetting_account_id_updated_at_id` ON `auth_settings` (`account_id`, `updated_at`, `id`);
-- create index "authsetting_account_id_name_id" to table: "auth_settings"
CREATE INDEX `authsetting_account_id_name_id` ON `auth_settings` (`account_id`, `name`, `id`);
-- create index "notificationprofile_account_id_name_id" to table: "notification_profiles"
CREATE INDEX `notificationprofile_account_id_name_id` ON `notification_profiles` (`account_id`, `name`, `id`);
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
