-- +goose Up
-- create "api_keys" table
CREATE TABLE `api_keys` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `token_id` text NOT NULL, `secret_hash` blob NOT NULL, `name` text NOT NULL, `scopes` json NOT NULL, `created_at` datetime NOT NULL, `last_used_at` datetime NULL, `expires_at` datetime NULL, `revoked_at` datetime NULL, PRIMARY KEY (`id`));
-- create index "api_keys_token_id_key" to table: "api_keys"
CREATE UNIQUE INDEX `api_keys_token_id_key` ON `api_keys` (`token_id`);
-- create index "apikey_account_id_id" to table: "api_keys"
CREATE INDEX `apikey_account_id_id` ON `api_keys` (`account_id`, `id`);
-- create "accounts" table
CREATE TABLE `accounts` (`id` uuid NOT NULL, `key` text NOT NULL, `name` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- create index "accounts_key_key" to table: "accounts"
CREATE UNIQUE INDEX `accounts_key_key` ON `accounts` (`key`);
-- create "attempts" table
CREATE TABLE `attempts` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `delivery_id` uuid NOT NULL, `event_id` uuid NOT NULL, `subscription_id` uuid NOT NULL, `event_type` text NOT NULL, `number` integer NOT NULL, `trigger` text NOT NULL, `outcome` text NOT NULL, `status_code` integer NOT NULL DEFAULT (0), `started_at` datetime NOT NULL, `queued_us` integer NOT NULL DEFAULT (0), `dns_us` integer NOT NULL DEFAULT (0), `connect_us` integer NOT NULL DEFAULT (0), `tls_us` integer NOT NULL DEFAULT (0), `first_byte_us` integer NOT NULL DEFAULT (0), `total_us` integer NOT NULL DEFAULT (0), `connection_reused` bool NOT NULL DEFAULT (false), `url` text NOT NULL, `payload_format` text NOT NULL, `request_headers` text NOT NULL DEFAULT (''), `response_headers` text NOT NULL DEFAULT (''), `response_body` blob NULL, `response_truncated` bool NOT NULL DEFAULT (false), `remote_address` text NOT NULL DEFAULT (''), `tls_version` text NOT NULL DEFAULT (''), `error` text NOT NULL DEFAULT (''), `hint` text NOT NULL DEFAULT (''), `next_attempt_at` datetime NULL, `feed_partition` integer NOT NULL, `feed_position` integer NOT NULL, PRIMARY KEY (`id`));
-- create index "attempt_account_id_id" to table: "attempts"
CREATE INDEX `attempt_account_id_id` ON `attempts` (`account_id`, `id`);
-- create index "attempt_subscription_id_id" to table: "attempts"
CREATE INDEX `attempt_subscription_id_id` ON `attempts` (`subscription_id`, `id`);
-- create index "attempt_delivery_id" to table: "attempts"
CREATE INDEX `attempt_delivery_id` ON `attempts` (`delivery_id`);
-- create "auth_settings" table
CREATE TABLE `auth_settings` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `version` integer NOT NULL DEFAULT (1), `key` text NOT NULL, `name` text NOT NULL, `type` text NOT NULL, `credentials` blob NOT NULL, `last_error` text NOT NULL DEFAULT (''), PRIMARY KEY (`id`));
-- create index "authsetting_account_id_key" to table: "auth_settings"
CREATE UNIQUE INDEX `authsetting_account_id_key` ON `auth_settings` (`account_id`, `key`);
-- create index "authsetting_account_id_id" to table: "auth_settings"
CREATE INDEX `authsetting_account_id_id` ON `auth_settings` (`account_id`, `id`);
-- create "categories" table
CREATE TABLE `categories` (`id` uuid NOT NULL, `key` text NOT NULL, `name` text NOT NULL, `group` text NOT NULL, `filters` json NOT NULL, `attributes` json NOT NULL, PRIMARY KEY (`id`));
-- create index "categories_key_key" to table: "categories"
CREATE UNIQUE INDEX `categories_key_key` ON `categories` (`key`);
-- create "certificates" table
CREATE TABLE `certificates` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `version` integer NOT NULL DEFAULT (1), `key` text NOT NULL, `name` text NOT NULL, `chain` blob NOT NULL, `private_key` blob NOT NULL, `fingerprint` text NOT NULL, `not_before` datetime NOT NULL, `not_after` datetime NOT NULL, PRIMARY KEY (`id`));
-- create index "certificate_account_id_key" to table: "certificates"
CREATE UNIQUE INDEX `certificate_account_id_key` ON `certificates` (`account_id`, `key`);
-- create index "certificate_account_id_id" to table: "certificates"
CREATE INDEX `certificate_account_id_id` ON `certificates` (`account_id`, `id`);
-- create index "certificate_not_after" to table: "certificates"
CREATE INDEX `certificate_not_after` ON `certificates` (`not_after`);
-- create "config_changes" table
CREATE TABLE `config_changes` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `kind` text NOT NULL, `object_id` uuid NOT NULL, PRIMARY KEY (`id`));
-- create "deliveries" table
CREATE TABLE `deliveries` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `event_id` uuid NOT NULL, `subscription_id` uuid NOT NULL, `event_type` text NOT NULL, `status` text NOT NULL, `attempt_count` integer NOT NULL, `failure_count` integer NOT NULL, `next_attempt_at` datetime NULL, `queued_at` datetime NULL, `completed_at` datetime NULL, PRIMARY KEY (`id`));
-- create index "delivery_account_id_id" to table: "deliveries"
CREATE INDEX `delivery_account_id_id` ON `deliveries` (`account_id`, `id`);
-- create index "delivery_subscription_id_id" to table: "deliveries"
CREATE INDEX `delivery_subscription_id_id` ON `deliveries` (`subscription_id`, `id`);
-- create index "delivery_next_attempt_at" to table: "deliveries"
CREATE INDEX `delivery_next_attempt_at` ON `deliveries` (`next_attempt_at`) WHERE status = 'RETRYING';
-- create index "delivery_queued_at" to table: "deliveries"
CREATE INDEX `delivery_queued_at` ON `deliveries` (`queued_at`) WHERE status = 'QUEUED';
-- create "events" table
CREATE TABLE `events` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `type` text NOT NULL, `occurred_at` datetime NOT NULL, `application` text NOT NULL DEFAULT (''), `entity` text NOT NULL DEFAULT (''), `user` text NOT NULL DEFAULT (''), `resource` text NOT NULL DEFAULT (''), `attributes` text NULL, `intermediate` bool NOT NULL DEFAULT (false), `idempotency_key` text NOT NULL DEFAULT (''), `payload` text NOT NULL, `targets` blob NULL, PRIMARY KEY (`id`));
-- create index "event_account_id_id" to table: "events"
CREATE INDEX `event_account_id_id` ON `events` (`account_id`, `id`);
-- create "event_subscriptions" table
CREATE TABLE `event_subscriptions` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `version` integer NOT NULL DEFAULT (1), `key` text NOT NULL, `name` text NOT NULL, `category` text NOT NULL DEFAULT (''), `event_types` json NOT NULL, `filter` json NOT NULL, `enabled` bool NOT NULL DEFAULT (true), `disabled_reason` text NOT NULL DEFAULT (''), `secret` blob NOT NULL, `secret_fingerprint` text NOT NULL, `profile_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `event_subscriptions_notification_profiles_subscriptions` FOREIGN KEY (`profile_id`) REFERENCES `notification_profiles` (`id`) ON DELETE RESTRICT);
-- create index "eventsubscription_account_id_key" to table: "event_subscriptions"
CREATE UNIQUE INDEX `eventsubscription_account_id_key` ON `event_subscriptions` (`account_id`, `key`);
-- create index "eventsubscription_account_id_name" to table: "event_subscriptions"
CREATE UNIQUE INDEX `eventsubscription_account_id_name` ON `event_subscriptions` (`account_id`, `name`);
-- create index "eventsubscription_account_id_id" to table: "event_subscriptions"
CREATE INDEX `eventsubscription_account_id_id` ON `event_subscriptions` (`account_id`, `id`);
-- create index "eventsubscription_profile_id" to table: "event_subscriptions"
CREATE INDEX `eventsubscription_profile_id` ON `event_subscriptions` (`profile_id`);
-- create "event_types" table
CREATE TABLE `event_types` (`id` uuid NOT NULL, `name` text NOT NULL, `description` text NOT NULL DEFAULT (''), `deprecated_at` datetime NULL, `category_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `event_types_categories_event_types` FOREIGN KEY (`category_id`) REFERENCES `categories` (`id`) ON DELETE NO ACTION);
-- create index "event_types_name_key" to table: "event_types"
CREATE UNIQUE INDEX `event_types_name_key` ON `event_types` (`name`);
-- create "idempotency_keys" table
CREATE TABLE `idempotency_keys` (`id` uuid NOT NULL, `event_id` uuid NOT NULL, `matched` integer NOT NULL, `expires_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- create index "idempotencykey_expires_at" to table: "idempotency_keys"
CREATE INDEX `idempotencykey_expires_at` ON `idempotency_keys` (`expires_at`);
-- create "markers" table
CREATE TABLE `markers` (`id` text NOT NULL, `position` uuid NOT NULL, PRIMARY KEY (`id`));
-- create "notification_profiles" table
CREATE TABLE `notification_profiles` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `version` integer NOT NULL DEFAULT (1), `key` text NOT NULL, `webhook_url` text NOT NULL, `payload_format` text NOT NULL DEFAULT ('ENVELOPE'), `response_status_regex` text NOT NULL DEFAULT (''), `response_header_regex` text NOT NULL DEFAULT (''), `response_body_regex` text NOT NULL DEFAULT (''), `window_size` integer NOT NULL DEFAULT (20), `connect_timeout_ms` integer NOT NULL DEFAULT (10000), `read_timeout_ms` integer NOT NULL DEFAULT (10000), `tls_versions` json NOT NULL, `headers` json NOT NULL, `retry_policy` json NOT NULL, `auth_setting_id` uuid NULL, `certificate_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `notification_profiles_auth_settings_profiles` FOREIGN KEY (`auth_setting_id`) REFERENCES `auth_settings` (`id`) ON DELETE RESTRICT, CONSTRAINT `notification_profiles_certificates_profiles` FOREIGN KEY (`certificate_id`) REFERENCES `certificates` (`id`) ON DELETE RESTRICT);
-- create index "notificationprofile_account_id_key" to table: "notification_profiles"
CREATE UNIQUE INDEX `notificationprofile_account_id_key` ON `notification_profiles` (`account_id`, `key`);
-- create index "notificationprofile_account_id_id" to table: "notification_profiles"
CREATE INDEX `notificationprofile_account_id_id` ON `notification_profiles` (`account_id`, `id`);
-- create index "notificationprofile_auth_setting_id" to table: "notification_profiles"
CREATE INDEX `notificationprofile_auth_setting_id` ON `notification_profiles` (`auth_setting_id`);
-- create index "notificationprofile_certificate_id" to table: "notification_profiles"
CREATE INDEX `notificationprofile_certificate_id` ON `notification_profiles` (`certificate_id`);

