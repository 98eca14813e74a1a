package stream

import "strconv"

// Every key that Hookline keeps in Redis is built here. The keys of one partition share a hash tag, so that Redis Cluster
// keeps them on one node and their commands can be atomic.

// DefaultPrefix is what every key begins with, inside the hash tag.
const DefaultPrefix = "hookline"

const (
	workGroup    = "workers"
	archiveGroup = "archive"
	ingestGroup  = "servers"
)

type keys struct {
	prefix string
}

func (k keys) tag(partition int) string {
	return "{" + k.prefix + ":" + strconv.Itoa(partition) + "}"
}

// work is the stream of what is to be delivered.
func (k keys) work(partition int) string { return k.tag(partition) + ":work" }

// attempts is the stream of what became of it.
func (k keys) attempts(partition int) string { return k.tag(partition) + ":attempts" }

// settled is the set of the targets of a work entry that are settled while others are not: their places in the entry.
func (k keys) settled(partition int, entry string) string {
	return k.tag(partition) + ":settled:" + entry
}

// epoch is written once when the partition's groups are made: when it is gone or another one, Redis has lost data.
func (k keys) epoch(partition int) string { return k.tag(partition) + ":epoch" }

// worker is alive while this key exists. Each partition has one, so that nothing but its own node is needed to see that.
func (k keys) worker(partition int, consumer string) string {
	return k.tag(partition) + ":worker:" + consumer
}

// share is the hash of what each worker has claimed of a profile's limits.
func (k keys) share(partition int, profile string) string {
	return k.tag(partition) + ":share:" + profile
}

// claimed is since when Redis has the claims of shares: when that is gone, it has lost them.
func (k keys) claimed(partition int) string { return k.tag(partition) + ":claimed" }

// ingest is the stream of the events that producers publish over Redis, and rejected of those that were refused. Producers know
// their names: they have no hash tag.
func (k keys) ingest() string   { return k.prefix + ":ingest" }
func (k keys) rejected() string { return k.prefix + ":ingest:rejected" }
