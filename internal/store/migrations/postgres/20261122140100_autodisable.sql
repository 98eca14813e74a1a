-- +goose Up
-- modify "accounts" table
ALTER TABLE "accounts" ADD COLUMN "auto_disable" boolean NOT NULL DEFAULT true, ADD COLUMN "auto_disable_after" bigint NOT NULL DEFAULT 432000000000000, ADD COLUMN "auto_disable_attempts" bigint NOT NULL DEFAULT 20;
-- modify "certificates" table
ALTER TABLE "certificates" ADD COLUMN "expiry_told" bigint NOT NULL DEFAULT 0;
-- modify "event_subscriptions" table
ALTER TABLE "event_subscriptions" ADD COLUMN "untold_since" timestamptz NULL;
-- create index "eventsubscription_untold_since" to table: "event_subscriptions"
CREATE INDEX "eventsubscription_untold_since" ON "event_subscriptions" ("untold_since") WHERE (untold_since IS NOT NULL);

