-- +goose Up
-- modify "resource_routes" table
ALTER TABLE "resource_routes" ADD COLUMN "event_types" jsonb NULL;

