-- +goose Up
-- add column "rule_digest" to table: "event_subscriptions"
ALTER TABLE `event_subscriptions` ADD COLUMN `rule_digest` text NOT NULL DEFAULT '';
-- create index "eventsubscription_account_id_rule_digest" to table: "event_subscriptions"
CREATE INDEX `eventsubscription_account_id_rule_digest` ON `event_subscriptions` (`account_id`, `rule_digest`);
