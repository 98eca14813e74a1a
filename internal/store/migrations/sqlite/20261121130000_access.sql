-- +goose Up
-- create "audit_entries" table
CREATE TABLE `audit_entries` (`id` uuid NOT NULL, `account_id` uuid NOT NULL, `actor_id` uuid NULL, `actor` text NOT NULL, `action` text NOT NULL, `target_type` text NOT NULL, `target_id` uuid NOT NULL, `before` text NOT NULL DEFAULT (''), `after` text NOT NULL DEFAULT (''), `request_id` text NOT NULL DEFAULT (''), PRIMARY KEY (`id`));
-- create index "auditentry_account_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_account_id_id` ON `audit_entries` (`account_id`, `id`);
-- create index "auditentry_target_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_target_id_id` ON `audit_entries` (`target_id`, `id`);
