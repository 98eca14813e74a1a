package graph

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// nodeTypes names the GraphQL type of the ids with a prefix.
var nodeTypes = map[id.Prefix]string{
	id.Account:             "Account",
	id.APIKey:              "ApiKey",
	id.Category:            "Category",
	id.EventType:           "EventType",
	id.EventSubscription:   "EventSubscription",
	id.NotificationProfile: "NotificationProfile",
	id.AuthSetting:         "AuthSetting",
	id.ResourceRoute:       "ResourceRoute",
	id.AccountSecret:       "AccountSecret",
	id.Certificate:         "Certificate",
	id.Event:               "Event",
	id.Delivery:            "Delivery",
	id.Attempt:             "DeliveryAttempt",
	id.AuditEntry:          "AuditEntry",
}

// findNode loads the object with the id that text shows.
func findNode(ctx context.Context, text string) (Node, error) {
	prefix, key, err := id.Parse(text)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing has such an id
	}
	return node(ctx, prefix, key)
}

// maxNodes is how many objects can be asked for at once.
const maxNodes = 100

// findNodes loads the objects with the ids that texts show, all at once, with nil for what is not there.
func findNodes(ctx context.Context, texts []string) ([]Node, error) {
	if len(texts) > maxNodes {
		return nil, inputErrorf("ids: %d ids are too many, the limit is %d", len(texts), maxNodes)
	}
	found := make([]Node, len(texts))
	group, ctx := errgroup.WithContext(ctx)
	for i, text := range texts {
		group.Go(func() (err error) {
			found[i], err = findNode(ctx, text)
			return err
		})
	}
	return found, group.Wait()
}

// node loads any object. To those who lack the scopes of its type it does not exist: `node` itself asks for none.
func node(ctx context.Context, prefix id.Prefix, key id.ID) (Node, error) {
	name, known := nodeTypes[prefix]
	if !known {
		return nil, nil // a missing object is null in the answer
	}
	if scopes, _ := scopesOf(parsedSchema.Types[name], &ast.FieldDefinition{}); !access.PrincipalFrom(ctx).Has(scopes...) {
		return nil, nil // as above
	}
	l := loadersOf(ctx)
	switch prefix {
	case id.Account:
		return asNode(l.account.load(ctx, key))
	case id.APIKey:
		return asNode(l.apiKey.load(ctx, key))
	case id.Category:
		return asNode(l.category.load(ctx, key))
	case id.EventType:
		return asNode(l.eventType.load(ctx, key))
	case id.EventSubscription:
		return asNode(l.subscription.load(ctx, key))
	case id.NotificationProfile:
		return asNode(l.profile.load(ctx, key))
	case id.AuthSetting:
		return asNode(l.authSetting.load(ctx, key))
	case id.ResourceRoute:
		return asNode(l.resourceRoute.load(ctx, key))
	case id.AccountSecret:
		return asNode(l.accountSecret.load(ctx, key))
	case id.Certificate:
		return asNode(l.certificate.load(ctx, key))
	case id.Event:
		return asNode(l.event.load(ctx, key))
	case id.Delivery:
		return asNode(l.delivery.load(ctx, key))
	case id.AuditEntry:
		return asNode(l.auditEntry.load(ctx, key))
	default:
		return asNode(l.attempt.load(ctx, key))
	}
}

// asNode makes an object a Node, and a missing one a plain nil.
func asNode[T any](object *T, err error) (Node, error) {
	if object == nil || err != nil {
		return nil, err
	}
	return object, nil
}
