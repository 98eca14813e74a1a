package store

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/internal/id"
)

// partitionedTables are range-partitioned by id, a UTC day each, on PostgreSQL.
var partitionedTables = []string{"events", "deliveries", "attempts"}

// partitionsAhead is for how many days partitions are made ahead.
const partitionsAhead = 7

// EnsurePartitions makes the log's partitions for today and the next days, where they are missing. On SQLite there is
// nothing to do.
func (s *Store) EnsurePartitions(ctx context.Context) error {
	if s.Embedded() {
		return nil
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for day := range partitionsAhead + 1 {
		from := today.AddDate(0, 0, day)
		for _, table := range partitionedTables {
			// Several processes may do this at once; the advisory lock makes them take turns.
			_, err := s.pool.Exec(ctx, fmt.Sprintf(
				`DO $$ BEGIN
					IF to_regclass('%[1]s_%[2]s') IS NULL THEN
						PERFORM pg_advisory_xact_lock(hashtext('hookline partitions'));
						CREATE TABLE IF NOT EXISTS %[1]s_%[2]s PARTITION OF %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s');
					END IF;
				END $$`,
				table, from.Format("20060102"), id.FirstAt(from), id.FirstAt(from.AddDate(0, 0, 1))))
			if err != nil {
				return fmt.Errorf("make partition of %s for %s: %w", table, from.Format(time.DateOnly), err)
			}
		}
	}
	return nil
}
