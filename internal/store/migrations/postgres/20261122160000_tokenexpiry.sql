-- +goose Up
-- modify "auth_settings" table
ALTER TABLE "auth_settings" ADD COLUMN "token_expires_at" timestamptz NULL;

