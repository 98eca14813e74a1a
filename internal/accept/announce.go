package accept

import (
	"context"
	"fmt"
	"strings"

	"github.com/hookline/hookline/internal/id"
)

// reserved begins the types of the events that Hookline itself publishes.
const reserved = "hookline."

// IsOwn reports whether Hookline itself publishes events of the type; nobody else can.
func IsOwn(eventType string) bool { return strings.HasPrefix(eventType, reserved) }

// Announce publishes events of Hookline's own in an account, each once for its idempotency key, whatever keys others use. When it returns no
// error they are durable. Its errors are those of Publish, and one for an event that is refused, which is a mistake in Hookline.
func (a *Accepter) Announce(ctx context.Context, account id.ID, events []Event) error {
	for i := range events {
		events[i].own = true
	}
	results, err := a.Publish(ctx, account, events)
	if err != nil {
		return err
	}
	for i, e := range events {
		if wrong := results[i].Errors; len(wrong) > 0 {
			return fmt.Errorf("announce %s: %w", e.Type, wrong)
		}
	}
	return nil
}

// Heard returns those of the events that go to somebody: that match a subscription of the account.
func (a *Accepter) Heard(account id.ID, events []Event) []Event {
	var heard []Event
	for i := range events {
		if len(a.prepare(account, &events[i]).Targets) > 0 {
			heard = append(heard, events[i])
		}
	}
	return heard
}
