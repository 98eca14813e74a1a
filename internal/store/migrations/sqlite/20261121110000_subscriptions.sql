-- +goose Up
-- Columns are added in place: what atlas would do, making each table anew, cannot be done while others refer to it.
CREATE INDEX `delivery_subscription_id` ON `deliveries` (`subscription_id`) WHERE status = 'PARKED';
ALTER TABLE `event_subscriptions` ADD COLUMN `expression` text NOT NULL DEFAULT ('');
ALTER TABLE `event_subscriptions` ADD COLUMN `previous_secret` blob NULL;
ALTER TABLE `event_subscriptions` ADD COLUMN `previous_secret_valid_until` datetime NULL;
ALTER TABLE `event_subscriptions` ADD COLUMN `while_disabled` text NOT NULL DEFAULT ('SKIP');
ALTER TABLE `notification_profiles` ADD COLUMN `name` text NOT NULL DEFAULT ('');
ALTER TABLE `notification_profiles` ADD COLUMN `max_bucket_size` integer NOT NULL DEFAULT (1);
ALTER TABLE `notification_profiles` ADD COLUMN `max_bucket_delay_ms` integer NOT NULL DEFAULT (100);
ALTER TABLE `notification_profiles` ADD COLUMN `rate_limit` integer NULL;
UPDATE `notification_profiles` SET `name` = `key`;
