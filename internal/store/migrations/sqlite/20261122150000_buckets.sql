-- +goose Up
-- add column "bucket_size" to table: "attempts"
ALTER TABLE `attempts` ADD COLUMN `bucket_size` integer NOT NULL DEFAULT 0;
