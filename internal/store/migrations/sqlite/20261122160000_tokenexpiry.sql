-- +goose Up
-- add column "token_expires_at" to table: "auth_settings"
ALTER TABLE `auth_settings` ADD COLUMN `token_expires_at` datetime NULL;

