-- +goose Up
-- modify "certificates" table
ALTER TABLE "certificates" ADD COLUMN "subject" text NOT NULL DEFAULT '';
-- create index "certificate_account_id_name_id" to table: "certificates"
CREATE INDEX "certificate_account_id_name_id" ON "certificates" ("account_id", "name", "id");
-- create index "certificate_account_id_not_after_id" to table: "certificates"
CREATE INDEX "certificate_account_id_not_after_id" ON "certificates" ("account_id", "not_after", "id");
-- modify "notification_profiles" table
ALTER TABLE "notification_profiles" ADD COLUMN "next_certificate_at" timestamptz NULL, ADD COLUMN "next_certificate_id" uuid NULL, ADD CONSTRAINT "notification_profiles_certificates_next_profiles" FOREIGN KEY ("next_certificate_id") REFERENCES "certificates" ("id") ON UPDATE NO ACTION ON DELETE RESTRICT;
-- create index "notificationprofile_next_certificate_id" to table: "notification_profiles"
CREATE INDEX "notificationprofile_next_certificate_id" ON "notification_profiles" ("next_certificate_id");
