-- +goose Up
-- modify "event_subscriptions" table
ALTER TABLE "event_subscriptions" ADD COLUMN "rule_digest" character varying NOT NULL DEFAULT '';
-- create index "eventsubscription_account_id_rule_digest" to table: "event_subscriptions"
CREATE INDEX "eventsubscription_account_id_rule_digest" ON "event_subscriptions" ("account_id", "rule_digest");

