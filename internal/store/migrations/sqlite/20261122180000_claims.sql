-- +goose Up
-- add column "claimed_until" to table: "auth_settings"
ALTER TABLE `auth_settings` ADD COLUMN `claimed_until` integer NULL;

