package apikey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
)

// use authenticates and then lets the writer of the last use do all that waits.
func (e *env) use(a *apikey.Authenticator, authorization string) {
	e.Helper()
	if _, err := a.Authenticate(e.Context(), authorization, ""); err != nil {
		e.Fatal(err)
	}
	e.finish(a)
}

// finish runs a for as long as it takes to write what waits.
func (e *env) finish(a *apikey.Authenticator) {
	e.Helper()
	ctx, cancel := context.WithCancel(e.Context())
	cancel()
	if err := a.Run(ctx); err != nil {
		e.Error(err)
	}
}

func (e *env) lastUsed(key *ent.APIKey) time.Time {
	e.Helper()
	got := e.client.APIKey.GetX(e.Context(), key.ID).LastUsedAt
	if got == nil {
		return time.Time{}
	}
	return *got
}

func TestLastUseIsKnownToTheMinute(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"), access.EventsPublish)
		first := e.now
		e.use(e.auth, authorization)
		if got := e.lastUsed(key); !got.Equal(first) {
			e.Fatalf("after the first use: %v, want %v", got, first)
		}
		for range 5 {
			e.advance(10 * time.Second)
			e.use(e.auth, authorization)
		}
		if got := e.lastUsed(key); !got.Equal(first) {
			e.Errorf("within a minute it was written again, at %v", got)
		}
		e.advance(10 * time.Second)
		e.use(e.auth, authorization)
		if got := e.lastUsed(key); !got.Equal(first.Add(time.Minute)) {
			e.Errorf("a minute later: %v, want %v", got, first.Add(time.Minute))
		}
	})
}

func TestLastUseIsWrittenOnceByManyServers(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"))
		other := e.newAuthenticator()
		first := e.now
		for _, a := range []*apikey.Authenticator{e.auth, other} {
			if _, err := a.Authenticate(e.Context(), authorization, ""); err != nil {
				e.Fatal(err)
			}
			e.advance(time.Second)
		}
		e.finish(e.auth)
		e.finish(other)
		if got := e.lastUsed(key); !got.Equal(first) {
			e.Errorf("%v, want that of the first server, %v", got, first)
		}
	})
}

func TestARefusedKeyIsNotUsed(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"))
		if _, err := e.auth.Authenticate(e.Context(), authorization[:len(authorization)-1]+"_", ""); !errors.Is(err, apikey.ErrUnauthenticated) {
			e.Fatal(err)
		}
		e.finish(e.auth)
		if got := e.lastUsed(key); !got.IsZero() {
			e.Errorf("last used at %v, want never", got)
		}
	})
}

func TestRunWritesWhileItRuns(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"))
		written := make(chan struct{})
		e.client.APIKey.Use(func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				defer close(written)
				return next.Mutate(ctx, m)
			})
		})
		ctx, cancel := context.WithCancel(e.Context())
		ended := make(chan error)
		go func() { ended <- e.auth.Run(ctx) }()
		if _, err := e.auth.Authenticate(e.Context(), authorization, ""); err != nil {
			e.Error(err)
		}
		<-written
		if e.lastUsed(key).IsZero() {
			e.Error("not written")
		}
		cancel()
		if err := <-ended; err != nil {
			e.Error(err)
		}
	})
}
