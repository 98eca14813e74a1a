-- +goose Up
-- modify "auth_settings" table
ALTER TABLE "auth_settings" ADD COLUMN "claimed_until" bigint NULL;

