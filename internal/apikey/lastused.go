package apikey

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/internal/id"
)

const (
	// useInterval is how precisely it is known when a key was last used.
	useInterval = time.Minute
	// maxNoted bounds the uses that wait to be written. Beyond it a use is forgotten: the next one is noted again.
	maxNoted = 1000
	// writeTimeout bounds a write, and with it how long a process takes to stop.
	writeTimeout = 5 * time.Second
)

// lastUsed writes when keys were last used.
type lastUsed struct {
	client *ent.Client
	wake   chan struct{}

	mu      sync.Mutex
	waiting map[id.ID]struct{}
	latest  time.Time
}

func newLastUsed(client *ent.Client) *lastUsed {
	return &lastUsed{client: client, wake: make(chan struct{}, 1), waiting: map[id.ID]struct{}{}}
}

// note remembers that a key is used now, if its last known use is long enough ago. It does not block.
func (u *lastUsed) note(key *ent.APIKey, now time.Time) {
	if key.LastUsedAt != nil && now.Sub(*key.LastUsedAt) < useInterval {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waiting) >= maxNoted {
		return
	}
	u.waiting[key.ID] = struct{}{}
	u.latest = now
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// Run writes when keys were last used, at most once a minute for each, until ctx ends and what is left is written.
// Without it nothing but that is missing. What cannot be written is logged and forgotten.
func (a *Authenticator) Run(ctx context.Context) error {
	for {
		select {
		case <-a.used.wake:
			a.used.write(ctx)
		case <-ctx.Done():
			a.used.write(ctx)
			return nil
		}
	}
}

// write writes all uses that wait, in one statement, also when ctx has ended.
func (u *lastUsed) write(ctx context.Context) {
	keys, now := u.take()
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	// Other servers note the same keys: the condition makes it one write a minute for all of them.
	err := u.client.APIKey.Update().
		Where(apikey.IDIn(keys...), apikey.Or(apikey.LastUsedAtIsNil(), apikey.LastUsedAtLTE(now.Add(-useInterval)))).
		SetLastUsedAt(now).Exec(ctx)
	if err != nil {
		slog.WarnContext(ctx, "the last use of API keys could not be written", "keys", len(keys), "error", err)
	}
}

// take empties the set of uses that wait.
func (u *lastUsed) take() ([]id.ID, time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys := make([]id.ID, 0, len(u.waiting))
	for key := range u.waiting {
		keys = append(keys, key)
	}
	clear(u.waiting)
	slices.SortFunc(keys, func(a, b id.ID) int { return slices.Compare(a[:], b[:]) }) // so that servers lock rows in one order
	return keys, u.latest.UTC().Truncate(time.Microsecond)
}
