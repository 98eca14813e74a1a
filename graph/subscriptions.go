package graph

import "github.com/hookline/hookline/internal/configure"

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
