package configure

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

var errStub = errors.New("not yet")

func (s *Service) CreateEventSubscription(ctx context.Context, in CreateEventSubscriptionInput) (*CreatedEventSubscription, error) {
	return nil, errStub
}

func (s *Service) UpdateEventSubscription(ctx context.Context, by Ref, in UpdateEventSubscriptionInput) (*ent.EventSubscription, error) {
	return nil, errStub
}

func (s *Service) DeleteEventSubscription(ctx context.Context, by Ref, deleteUnused bool) (id.ID, error) {
	return id.Nil, errStub
}

func (s *Service) CreateNotificationProfile(ctx context.Context, in CreateNotificationProfileInput) (*ent.NotificationProfile, error) {
	return nil, errStub
}

func (s *Service) UpdateNotificationProfile(ctx context.Context, by Ref, in UpdateNotificationProfileInput) (*ent.NotificationProfile, error) {
	return nil, errStub
}

func (s *Service) DeleteNotificationProfile(ctx context.Context, by Ref) (id.ID, error) {
	return id.Nil, errStub
}

func (s *Service) CreateAccount(ctx context.Context, key, name string) (*ent.Account, error) {
	return nil, errStub
}

func (s *Service) CreateAPIKey(ctx context.Context, name string, scopes []access.Scope, expiresAt *time.Time) (*ent.APIKey, string, error) {
	return nil, "", errStub
}

func (s *Service) RevokeAPIKey(ctx context.Context, key id.ID) (*ent.APIKey, error) {
	return nil, errStub
}

// HeaderBinding is what the value of a profile's secret header is sealed for (see package vault).
func HeaderBinding(profile id.ID, name string) string {
	return ""
}
