-- +goose Up
-- modify "api_keys" table
ALTER TABLE "api_keys" ADD COLUMN "kind" character varying NOT NULL DEFAULT 'KEY';
-- create index "authsetting_account_id_name_id" to table: "auth_settings"
CREATE INDEX "authsetting_account_id_name_id" ON "auth_settings" ("account_id", "name", "id");
-- create index "authsetting_account_id_updated_at_id" to table: "auth_settings"
CREATE INDEX "authsetting_account_id_updated_at_id" ON "auth_settings" ("account_id", "updated_at", "id");
-- create index "notificationprofile_account_id_name_id" to table: "notification_profiles"
CREATE INDEX "notificationprofile_account_id_name_id" ON "notification_profiles" ("account_id", "name", "id");
