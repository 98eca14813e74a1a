-- +goose Up
-- create "subscription_health" table
CREATE TABLE `subscription_health` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `failing_since` datetime NULL, `failed_attempts` integer NOT NULL DEFAULT (0), `last_success_at` datetime NULL, `last_failure_at` datetime NULL, `enabled_at` datetime NULL, `warned_at` datetime NULL, `subscription_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `subscription_health_event_subscriptions_health` FOREIGN KEY (`subscription_id`) REFERENCES `event_subscriptions` (`id`) ON DELETE CASCADE);
-- create index "subscription_health_subscription_id_key" to table: "subscription_health"
CREATE UNIQUE INDEX `subscription_health_subscription_id_key` ON `subscription_health` (`subscription_id`);
-- create index "subscriptionhealth_failing_since" to table: "subscription_health"
CREATE INDEX `subscriptionhealth_failing_since` ON `subscription_health` (`failing_since`) WHERE failing_since IS NOT NULL;
-- create index "subscriptionhealth_warned_at" to table: "subscription_health"
CREATE INDEX `subscriptionhealth_warned_at` ON `subscription_health` (`warned_at`) WHERE warned_at IS NOT NULL;

