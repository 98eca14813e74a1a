-- +goose Up
-- create "subscription_health" table
CREATE TABLE "subscription_health" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "failing_since" timestamptz NULL, "failed_attempts" bigint NOT NULL DEFAULT 0, "last_success_at" timestamptz NULL, "last_failure_at" timestamptz NULL, "enabled_at" timestamptz NULL, "warned_at" timestamptz NULL, "subscription_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "subscription_health_event_subscriptions_health" FOREIGN KEY ("subscription_id") REFERENCES "event_subscriptions" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "subscription_health_subscription_id_key" to table: "subscription_health"
CREATE UNIQUE INDEX "subscription_health_subscription_id_key" ON "subscription_health" ("subscription_id");
-- create index "subscriptionhealth_failing_since" to table: "subscription_health"
CREATE INDEX "subscriptionhealth_failing_since" ON "subscription_health" ("failing_since") WHERE (failing_since IS NOT NULL);
-- create index "subscriptionhealth_warned_at" to table: "subscription_health"
CREATE INDEX "subscriptionhealth_warned_at" ON "subscription_health" ("warned_at") WHERE (warned_at IS NOT NULL);

