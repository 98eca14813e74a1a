package registry

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/vault"
)

// BenchmarkMemory reports what a subscription with a filter takes in memory, in an account of 10,000, and of the garbage collector's time whenever it runs.
func BenchmarkMemory(b *testing.B) {
	v, err := vault.New([]vault.Key{{ID: "first"}})
	must(b, err)
	for b.Loop() {
		r := &Registry{vault: v, accounts: make(map[id.ID]*account), owners: make(map[id.ID]id.ID)}
		const n = 10_000
		profile, accountID := id.New(), id.New()
		row := func(i int) *ent.EventSubscription {
			row := &ent.EventSubscription{
				ID: id.New(), AccountID: accountID, ProfileID: profile, Key: fmt.Sprintf("s%d", i), Name: fmt.Sprintf("s%d", i), Category: "sms",
				EventTypes: []string{fmt.Sprint("sms.", "delivery")}, Enabled: true, WhileDisabled: configure.Skip,
				Filter: types.EventFilter{Entities: []string{fmt.Sprintf("other%d", i)}},
			}
			row.Secret = v.Seal([]byte(signing.NewSecret().Reveal()), configure.SecretBinding(row.ID))
			return row
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			r.putSubscription(row(i))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/n, "B/subscription")
		b.ReportMetric(float64(int64(after.HeapObjects)-int64(before.HeapObjects))/n, "objects/subscription")
		started := time.Now()
		for range 10 {
			runtime.GC()
		}
		b.ReportMetric(float64(time.Since(started).Nanoseconds())/(10*n), "ns-GC/subscription")
		runtime.KeepAlive(r)
	}
}
