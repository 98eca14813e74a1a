-- +goose Up
-- add column "event_types" to table: "resource_routes"
ALTER TABLE `resource_routes` ADD COLUMN `event_types` json NULL;

