-- +goose Up
-- create "config_changes" table
CREATE TABLE "config_changes" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "kind" character varying NOT NULL, "object_id" uuid NOT NULL, PRIMARY KEY ("id"));
-- create "deliveries" table
CREATE TABLE "deliveries" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "event_id" uuid NOT NULL, "subscription_id" uuid NOT NULL, "event_type" character varying NOT NULL, "status" character varying NOT NULL, "attempt_count" bigint NOT NULL, "failure_count" bigint NOT NULL, "next_attempt_at" timestamptz NULL, "queued_at" timestamptz NULL, "completed_at" timestamptz NULL, PRIMARY KEY ("id")) PARTITION BY RANGE ("id");
-- rows outside the partitions that the server makes ahead
CREATE TABLE "deliveries_default" PARTITION OF "deliveries" DEFAULT;
-- create index "delivery_account_id_id" to table: "deliveries"
CREATE INDEX "delivery_account_id_id" ON "deliveries" ("account_id", "id");
-- create index "delivery_next_attempt_at" to table: "deliveries"
CREATE INDEX "delivery_next_attempt_at" ON "deliveries" ("next_attempt_at") WHERE ((status)::text = 'RETRYING'::text);
-- create index "delivery_queued_at" to table: "deliveries"
CREATE INDEX "delivery_queued_at" ON "deliveries" ("queued_at") WHERE ((status)::text = 'QUEUED'::text);
-- create index "delivery_subscription_id_id" to table: "deliveries"
CREATE INDEX "delivery_subscription_id_id" ON "deliveries" ("subscription_id", "id");
-- create "attempts" table
CREATE TABLE "attempts" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "delivery_id" uuid NOT NULL, "event_id" uuid NOT NULL, "subscription_id" uuid NOT NULL, "event_type" character varying NOT NULL, "number" bigint NOT NULL, "trigger" character varying NOT NULL, "outcome" character varying NOT NULL, "status_code" bigint NOT NULL DEFAULT 0, "started_at" timestamptz NOT NULL, "queued_us" bigint NOT NULL DEFAULT 0, "dns_us" bigint NOT NULL DEFAULT 0, "connect_us" bigint NOT NULL DEFAULT 0, "tls_us" bigint NOT NULL DEFAULT 0, "first_byte_us" bigint NOT NULL DEFAULT 0, "total_us" bigint NOT NULL DEFAULT 0, "connection_reused" boolean NOT NULL DEFAULT false, "url" character varying NOT NULL, "payload_format" character varying NOT NULL, "request_headers" character varying NOT NULL DEFAULT '', "response_headers" character varying NOT NULL DEFAULT '', "response_body" bytea NULL, "response_truncated" boolean NOT NULL DEFAULT false, "remote_address" character varying NOT NULL DEFAULT '', "tls_version" character varying NOT NULL DEFAULT '', "error" character varying NOT NULL DEFAULT '', "hint" character varying NOT NULL DEFAULT '', "next_attempt_at" timestamptz NULL, "feed_partition" bigint NOT NULL, "feed_position" bigint NOT NULL, PRIMARY KEY ("id")) PARTITION BY RANGE ("id");
-- rows outside the partitions that the server makes ahead
CREATE TABLE "attempts_default" PARTITION OF "attempts" DEFAULT;
-- create index "attempt_account_id_id" to table: "attempts"
CREATE INDEX "attempt_account_id_id" ON "attempts" ("account_id", "id");
-- create index "attempt_delivery_id" to table: "attempts"
CREATE INDEX "attempt_delivery_id" ON "attempts" ("delivery_id");
-- create index "attempt_subscription_id_id" to table: "attempts"
CREATE INDEX "attempt_subscription_id_id" ON "attempts" ("subscription_id", "id");
-- create "auth_settings" table
CREATE TABLE "auth_settings" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "key" character varying NOT NULL, "name" character varying NOT NULL, "type" character varying NOT NULL, "credentials" bytea NOT NULL, "last_error" character varying NOT NULL DEFAULT '', PRIMARY KEY ("id"));
-- create index "authsetting_account_id_id" to table: "auth_settings"
CREATE INDEX "authsetting_account_id_id" ON "auth_settings" ("account_id", "id");
-- create index "authsetting_account_id_key" to table: "auth_settings"
CREATE UNIQUE INDEX "authsetting_account_id_key" ON "auth_settings" ("account_id", "key");
-- create "api_keys" table
CREATE TABLE "api_keys" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "token_id" character varying NOT NULL, "secret_hash" bytea NOT NULL, "name" character varying NOT NULL, "scopes" jsonb NOT NULL, "created_at" timestamptz NOT NULL, "last_used_at" timestamptz NULL, "expires_at" timestamptz NULL, "revoked_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "api_keys_token_id_key" to table: "api_keys"
CREATE UNIQUE INDEX "api_keys_token_id_key" ON "api_keys" ("token_id");
-- create index "apikey_account_id_id" to table: "api_keys"
CREATE INDEX "apikey_account_id_id" ON "api_keys" ("account_id", "id");
-- create "events" table
CREATE TABLE "events" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "type" character varying NOT NULL, "occurred_at" timestamptz NOT NULL, "application" character varying NOT NULL DEFAULT '', "entity" character varying NOT NULL DEFAULT '', "user" character varying NOT NULL DEFAULT '', "resource" character varying NOT NULL DEFAULT '', "attributes" text NULL, "intermediate" boolean NOT NULL DEFAULT false, "idempotency_key" character varying NOT NULL DEFAULT '', "payload" text NOT NULL, "targets" bytea NULL, PRIMARY KEY ("id")) PARTITION BY RANGE ("id");
-- rows outside the partitions that the server makes ahead
CREATE TABLE "events_default" PARTITION OF "events" DEFAULT;
-- create index "event_account_id_id" to table: "events"
CREATE INDEX "event_account_id_id" ON "events" ("account_id", "id");
-- create "markers" table
CREATE TABLE "markers" ("id" character varying NOT NULL, "position" uuid NOT NULL, PRIMARY KEY ("id"));
-- create "accounts" table
CREATE TABLE "accounts" ("id" uuid NOT NULL, "key" character varying NOT NULL, "name" character varying NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create index "accounts_key_key" to table: "accounts"
CREATE UNIQUE INDEX "accounts_key_key" ON "accounts" ("key");
-- create "idempotency_keys" table
CREATE TABLE "idempotency_keys" ("id" uuid NOT NULL, "event_id" uuid NOT NULL, "matched" bigint NOT NULL, "expires_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create index "idempotencykey_expires_at" to table: "idempotency_keys"
CREATE INDEX "idempotencykey_expires_at" ON "idempotency_keys" ("expires_at");
-- create "certificates" table
CREATE TABLE "certificates" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "key" character varying NOT NULL, "name" character varying NOT NULL, "chain" bytea NOT NULL, "private_key" bytea NOT NULL, "fingerprint" character varying NOT NULL, "not_before" timestamptz NOT NULL, "not_after" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create index "certificate_account_id_id" to table: "certificates"
CREATE INDEX "certificate_account_id_id" ON "certificates" ("account_id", "id");
-- create index "certificate_account_id_key" to table: "certificates"
CREATE UNIQUE INDEX "certificate_account_id_key" ON "certificates" ("account_id", "key");
-- create index "certificate_not_after" to table: "certificates"
CREATE INDEX "certificate_not_after" ON "certificates" ("not_after");
-- create "notification_profiles" table
CREATE TABLE "notification_profiles" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "key" character varying NOT NULL, "webhook_url" character varying NOT NULL, "payload_format" character varying NOT NULL DEFAULT 'ENVELOPE', "response_status_regex" character varying NOT NULL DEFAULT '', "response_header_regex" character varying NOT NULL DEFAULT '', "response_body_regex" character varying NOT NULL DEFAULT '', "window_size" bigint NOT NULL DEFAULT 20, "connect_timeout_ms" bigint NOT NULL DEFAULT 10000, "read_timeout_ms" bigint NOT NULL DEFAULT 10000, "tls_versions" jsonb NOT NULL, "headers" jsonb NOT NULL, "retry_policy" jsonb NOT NULL, "auth_setting_id" uuid NULL, "certificate_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "notification_profiles_auth_settings_profiles" FOREIGN KEY ("auth_setting_id") REFERENCES "auth_settings" ("id") ON UPDATE NO ACTION ON DELETE RESTRICT, CONSTRAINT "notification_profiles_certificates_profiles" FOREIGN KEY ("certificate_id") REFERENCES "certificates" ("id") ON UPDATE NO ACTION ON DELETE RESTRICT);
-- create index "notificationprofile_account_id_id" to table: "notification_profiles"
CREATE INDEX "notificationprofile_account_id_id" ON "notification_profiles" ("account_id", "id");
-- create index "notificationprofile_account_id_key" to table: "notification_profiles"
CREATE UNIQUE INDEX "notificationprofile_account_id_key" ON "notification_profiles" ("account_id", "key");
-- create index "notificationprofile_auth_setting_id" to table: "notification_profiles"
CREATE INDEX "notificationprofile_auth_setting_id" ON "notification_profiles" ("auth_setting_id");
-- create index "notificationprofile_certificate_id" to table: "notification_profiles"
CREATE INDEX "notificationprofile_certificate_id" ON "notification_profiles" ("certificate_id");
-- create "event_subscriptions" table
CREATE TABLE "event_subscriptions" ("id" uuid NOT NULL, "account_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "key" character varying NOT NULL, "name" character varying NOT NULL, "category" character varying NOT NULL DEFAULT '', "event_types" jsonb NOT NULL, "filter" jsonb NOT NULL, "enabled" boolean NOT NULL DEFAULT true, "disabled_reason" character varying NOT NULL DEFAULT '', "secret" bytea NOT NULL, "secret_fingerprint" character varying NOT NULL, "profile_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "event_subscriptions_notification_profiles_subscriptions" FOREIGN KEY ("profile_id") REFERENCES "notification_profiles" ("id") ON UPDATE NO ACTION ON DELETE RESTRICT);
-- create index "eventsubscription_account_id_id" to table: "event_subscriptions"
CREATE INDEX "eventsubscription_account_id_id" ON "event_subscriptions" ("account_id", "id");
-- create index "eventsubscription_account_id_key" to table: "event_subscriptions"
CREATE UNIQUE INDEX "eventsubscription_account_id_key" ON "event_subscriptions" ("account_id", "key");
-- create index "eventsubscription_account_id_name" to table: "event_subscriptions"
CREATE UNIQUE INDEX "eventsubscription_account_id_name" ON "event_subscriptions" ("account_id", "name");
-- create index "eventsubscription_profile_id" to table: "event_subscriptions"
CREATE INDEX "eventsubscription_profile_id" ON "event_subscriptions" ("profile_id");
-- create "categories" table
CREATE TABLE "categories" ("id" uuid NOT NULL, "key" character varying NOT NULL, "name" character varying NOT NULL, "group" character varying NOT NULL, "filters" jsonb NOT NULL, "attributes" jsonb NOT NULL, PRIMARY KEY ("id"));
-- create index "categories_key_key" to table: "categories"
CREATE UNIQUE INDEX "categories_key_key" ON "categories" ("key");
-- create "event_types" table
CREATE TABLE "event_types" ("id" uuid NOT NULL, "name" character varying NOT NULL, "description" character varying NOT NULL DEFAULT '', "deprecated_at" timestamptz NULL, "category_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "event_types_categories_event_types" FOREIGN KEY ("category_id") REFERENCES "categories" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- create index "event_types_name_key" to table: "event_types"
CREATE UNIQUE INDEX "event_types_name_key" ON "event_types" ("name");

