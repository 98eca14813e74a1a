package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/gather"
	"github.com/hookline/hookline/internal/id"
)

// gatherFor is how long a loader usually waits for further keys before it reads them all with one statement.
const gatherFor = time.Millisecond

// loaders gather what the resolvers of one response ask for one by one, so that objects of a kind are read with one
// statement for a level of the answer and not with one for each. What is missing loads as the zero value.
type loaders struct {
	account            *loader[id.ID, *ent.Account]
	apiKey             *loader[id.ID, *ent.APIKey]
	category           *loader[id.ID, *ent.Category]
	categoryByKey      *loader[string, *ent.Category]
	eventType          *loader[id.ID, *ent.EventType]
	eventTypesOf       *loader[id.ID, []*ent.EventType] // by category
	profile            *loader[id.ID, *ent.NotificationProfile]
	authSetting        *loader[id.ID, *ent.AuthSetting]
	resourceRoute      *loader[id.ID, *ent.ResourceRoute]
	accountSecret      *loader[id.ID, *ent.AccountSecret]
	certificate        *loader[id.ID, *ent.Certificate]
	subscription       *loader[id.ID, *ent.EventSubscription]
	health             *loader[id.ID, *ent.SubscriptionHealth]      // by subscription
	subscriptionsOf    *loader[pageKey, []*ent.EventSubscription]   // by profile
	subscriptionsCount *loader[id.ID, int]                          // by profile
	profilesOf         *loader[pageKey, []*ent.NotificationProfile] // by auth setting
	certificateUsers   *loader[pageKey, []*ent.NotificationProfile] // by certificate
	certificateCount   *loader[id.ID, int]                          // of profiles, by certificate
	profilesCount      *loader[id.ID, int]                          // by auth setting
	event              *loader[id.ID, *ent.Event]
	payload            *loader[id.ID, *string] // by event
	delivery           *loader[id.ID, *ent.Delivery]
	deliveriesOf       *loader[id.ID, []*ent.Delivery] // by event
	attempt            *loader[id.ID, *ent.Attempt]
	attemptsOf         *loader[id.ID, []*ent.Attempt] // by delivery
	responseBody       *loader[id.ID, []byte]         // by attempt
	auditEntry         *loader[id.ID, *ent.AuditEntry]
	live               *liveDeliveries // which delivery knows too
}

func newLoaders(client *ent.Client, wait time.Duration) *loaders {
	r, live := reads{client}, &liveDeliveries{}
	return &loaders{
		live:               live,
		account:            newLoader(wait, r.accounts),
		apiKey:             newLoader(wait, r.apiKeys),
		category:           newLoader(wait, r.categories),
		categoryByKey:      newLoader(wait, r.categoriesByKey),
		eventType:          newLoader(wait, r.eventTypes),
		eventTypesOf:       newLoader(wait, r.eventTypesOf),
		profile:            newLoader(wait, r.profiles),
		authSetting:        newLoader(wait, r.authSettings),
		resourceRoute:      newLoader(wait, r.resourceRoutes),
		accountSecret:      newLoader(wait, r.accountSecrets),
		certificate:        newLoader(wait, r.certificates),
		certificateUsers:   newLoader(wait, r.certificateUsers),
		certificateCount:   newLoader(wait, r.certificateUsersCount),
		subscription:       newLoader(wait, r.subscriptions),
		health:             newLoader(wait, r.health),
		subscriptionsOf:    newLoader(wait, r.subscriptionsOf),
		subscriptionsCount: newLoader(wait, r.subscriptionsCount),
		profilesOf:         newLoader(wait, r.profilesOf),
		profilesCount:      newLoader(wait, r.profilesCount),
		event:              newLoader(wait, r.events),
		payload:            newLoader(wait, r.payloads),
		delivery:           newLoader(wait, live.reader(r.deliveries)),
		deliveriesOf:       newLoader(wait, r.deliveriesOf),
		attempt:            newLoader(wait, r.attempts),
		attemptsOf:         newLoader(wait, r.attemptsOf),
		responseBody:       newLoader(wait, r.responseBodies),
		auditEntry:         newLoader(wait, r.auditEntries),
	}
}

// loader is dataloader's, without the parts that are not used here.
type loader[K comparable, V any] struct {
	inner *dataloader.Loader[K, V]
}

// newLoader returns a loader that reads with read, which returns what it has found.
func newLoader[K comparable, V any](wait time.Duration, read func(context.Context, []K) (map[K]V, error)) *loader[K, V] {
	return &loader[K, V]{inner: dataloader.NewBatchedLoader(gather.Func(read), dataloader.WithWait[K, V](wait))}
}

// load returns the object of the key, the zero value if there is none.
func (l *loader[K, V]) load(ctx context.Context, key K) (V, error) {
	return l.inner.Load(ctx, key)()
}

type loadersKey struct{}

// loadersOf returns the loaders of the response that is being made.
func loadersOf(ctx context.Context) *loaders {
	return ctx.Value(loadersKey{}).(*loaders) // withLoaders is around every response
}

// withLoaders gives each response loaders of its own, also each of a subscription's: nothing is remembered any longer.
func withLoaders(client *ent.Client, wait time.Duration) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		return next(context.WithValue(ctx, loadersKey{}, newLoaders(client, wait)))
	}
}
