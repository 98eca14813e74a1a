package graph

import (
	"time"

	"github.com/hookline/hookline/internal/configure"
)

// withSecret answers a mutation that made a signing secret.
func withSecret(made *configure.CreatedEventSubscription, err error) (*EventSubscriptionPayload, error) {
	wrong, err := mistakes(err)
	if made == nil {
		return &EventSubscriptionPayload{UserErrors: wrong}, err
	}
	return &EventSubscriptionPayload{
		EventSubscription: made.EventSubscription, CreatedSecret: &made.Secret, CreatedAuthSecret: orNull(made.AuthSecret), Warnings: made.Warnings,
	}, err
}

// stillValid returns until when a previous secret signs; nil if there is none, or its time is over.
func stillValid(until *time.Time) *time.Time {
	if until == nil || !until.After(time.Now()) {
		return nil
	}
	return until
}
