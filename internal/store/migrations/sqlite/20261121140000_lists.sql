-- +goose Up
-- create index "apikey_account_id_name_id" to table: "api_keys"
CREATE INDEX `apikey_account_id_name_id` ON `api_keys` (`account_id`, `name`, `id`);
-- create index "account_name_id" to table: "accounts"
CREATE INDEX `account_name_id` ON `accounts` (`name`, `id`);
-- create index "eventsubscription_account_id_updated_at_id" to table: "event_subscriptions"
CREATE INDEX `eventsubscription_account_id_updated_at_id` ON `event_subscriptions` (`account_id`, `updated_at`, `id`);
-- create index "notificationprofile_account_id_updated_at_id" to table: "notification_profiles"
CREATE INDEX `notificationprofile_account_id_updated_at_id` ON `notification_profiles` (`account_id`, `updated_at`, `id`);

