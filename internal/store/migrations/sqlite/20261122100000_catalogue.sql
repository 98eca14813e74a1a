-- +goose Up
-- add columns to the table "events"
ALTER TABLE `events` ADD COLUMN `webhook` text NULL;
ALTER TABLE `events` ADD COLUMN `schema_error` text NOT NULL DEFAULT '';
-- add columns to the table "event_types"
ALTER TABLE `event_types` ADD COLUMN `json_schema` text NOT NULL DEFAULT '';
ALTER TABLE `event_types` ADD COLUMN `validation` text NOT NULL DEFAULT 'OFF';
ALTER TABLE `event_types` ADD COLUMN `example` text NOT NULL DEFAULT '';
-- create "resource_routes" table
CREATE TABLE `resource_routes` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `resource` text NOT NULL, `action` text NOT NULL, `profile_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `resource_routes_notification_profiles_resource_routes` FOREIGN KEY (`profile_id`) REFERENCES `notification_profiles` (`id`) ON DELETE RESTRICT);
-- create index "resourceroute_account_id_resource" to table: "resource_routes"
CREATE UNIQUE INDEX `resourceroute_account_id_resource` ON `resource_routes` (`account_id`, `resource`);
-- create index "resourceroute_account_id_id" to table: "resource_routes"
CREATE INDEX `resourceroute_account_id_id` ON `resource_routes` (`account_id`, `id`);
-- create index "resourceroute_profile_id" to table: "resource_routes"
CREATE INDEX `resourceroute_profile_id` ON `resource_routes` (`profile_id`);
