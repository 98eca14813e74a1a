-- +goose Up
-- modify "attempts" table
ALTER TABLE "attempts" ADD COLUMN "bucket_size" bigint NOT NULL DEFAULT 0;

