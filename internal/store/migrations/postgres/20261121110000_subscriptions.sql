-- +goose Up
CREATE INDEX "delivery_subscription_id" ON "deliveries" ("subscription_id") WHERE ((status)::text = 'PARKED'::text);
ALTER TABLE "event_subscriptions" ADD COLUMN "expression" text NOT NULL DEFAULT '', ADD COLUMN "previous_secret" bytea NULL, ADD COLUMN "previous_secret_valid_until" timestamptz NULL, ADD COLUMN "while_disabled" character varying NOT NULL DEFAULT 'SKIP';
ALTER TABLE "notification_profiles" ADD COLUMN "name" character varying NOT NULL DEFAULT '', ADD COLUMN "max_bucket_size" bigint NOT NULL DEFAULT 1, ADD COLUMN "max_bucket_delay_ms" bigint NOT NULL DEFAULT 100, ADD COLUMN "rate_limit" bigint NULL;
UPDATE "notification_profiles" SET "name" = "key";
