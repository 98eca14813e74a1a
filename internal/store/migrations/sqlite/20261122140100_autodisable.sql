-- +goose Up
-- add columns to table: "accounts"
ALTER TABLE `accounts` ADD COLUMN `auto_disable` bool NOT NULL DEFAULT (true);
ALTER TABLE `accounts` ADD COLUMN `auto_disable_after` integer NOT NULL DEFAULT (432000000000000);
ALTER TABLE `accounts` ADD COLUMN `auto_disable_attempts` integer NOT NULL DEFAULT (20);
-- add column "expiry_told" to table: "certificates"
ALTER TABLE `certificates` ADD COLUMN `expiry_told` integer NOT NULL DEFAULT (0);
-- add column "untold_since" to table: "event_subscriptions"
ALTER TABLE `event_subscriptions` ADD COLUMN `untold_since` datetime NULL;
-- create index "eventsubscription_untold_since" to table: "event_subscriptions"
CREATE INDEX `eventsubscription_untold_since` ON `event_subscriptions` (`untold_since`) WHERE untold_since IS NOT NULL;

