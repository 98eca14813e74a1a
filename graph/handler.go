package graph

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/configure"
)

// Options are how the API is offered.
type Options struct {
	// Gather is how long what an answer needs is gathered before it is read with one statement; 0: 1 ms.
	Gather time.Duration
	Log    *slog.Logger
	// Limits of documents; DefaultLimits when zero.
	Limits Limits
	// Introspection lets clients ask for the schema. Without it, errors suggest no names either.
	Introspection bool
}

// NewHandler returns the API without a transport: the server adds those that it offers.
func NewHandler(r *Resolver, options Options) *handler.Server {
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits
	}
	documents := &documentCache{graphql.Cache[*ast.QueryDocument](lru.New[*ast.QueryDocument](cachedDocuments))}
	schema := NewExecutableSchema(Config{Resolvers: r, Complexity: complexities()}).(*executableSchema)
	present, recovered := presentError(options.Log), recoverPanic(options.Log)
	r.rows = &rows{schema: schema, present: present, recover: recovered}
	h := handler.New(schema)
	h.SetParserTokenLimit(options.Limits.Tokens)
	h.SetQueryCache(documents)
	h.SetErrorPresenter(present)
	h.SetRecoverFunc(recovered)
	h.Use(&documentLimit{limits: options.Limits, introspection: options.Introspection, known: documents})
	h.Use(&scopeCheck{})
	h.Use(&variableCheck{})
	h.Use(extension.FixedComplexityLimit(options.Limits.Complexity))
	if options.Introspection {
		h.Use(extension.Introspection{})
	} else {
		h.SetDisableSuggestion(true)
		h.SetValidationRulesFn(rulesWithoutSuggestions)
	}
	h.AroundResponses(boundErrors)
	h.AroundResponses(withLoaders(r.Ent, cmp.Or(options.Gather, gatherFor)))
	return h
}

// rulesWithoutSuggestions are the rules of validation, except that the errors of none tell names that exist.
func rulesWithoutSuggestions() *rules.Rules {
	all := rules.NewDefaultRules() // of which the executor replaces two more
	all.ReplaceRule(rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions.RuleFunc)
	return all
}

const (
	cachedDocuments = 1000
	largestCached   = 16 << 10 // bytes
)

// documentCache remembers documents that have passed validation. Long ones, with values that belong into variables, are
// not remembered: each would be met once, and take the room of many.
type documentCache struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c *documentCache) Add(ctx context.Context, query string, document *ast.QueryDocument) {
	if len(query) <= largestCached {
		c.Cache.Add(ctx, query, document)
	}
}

// Lists without pages count as if they had so many members.
const (
	usualDeliveries = 5
	usualAttempts   = 3
	usualEventTypes = 10
	usualCategories = 20
	usualLimits     = 80
)

// complexities returns what the lists cost: as many times their members' fields as they have members.
func complexities() ComplexityRoot {
	var c ComplexityRoot
	q := &c.Query
	q.Accounts = searchComplexity
	q.APIKeys = func(child int, _ *APIKeyFilter, order *Order, first *int, after *string, last *int, before *string) int {
		return sortedComplexity(child, order, first, after, last, before)
	}
	q.AuditLog = filteredComplexity[*AuditLogFilter]
	q.Nodes = func(child int, ids []string) int { return times(min(len(ids), maxNodes))(child) }
	q.Events = filteredComplexity[*EventLogFilter]
	q.Deliveries = filteredComplexity[*DeliveryFilter]
	q.DeliveryAttempts = filteredComplexity[*AttemptFilter]
	subscriptions := func(child int, _ *EventSubscriptionFilter, order *Order, first *int, after *string, last *int, before *string) int {
		return sortedComplexity(child, order, first, after, last, before)
	}
	q.EventSubscriptions = subscriptions
	q.ExplainEvent = func(child int, _ string, filter *EventSubscriptionFilter, order *Order, first *int, after *string, last *int, before *string) int {
		return subscriptions(child, filter, order, first, after, last, before)
	}
	q.NotificationProfiles = searchComplexity
	q.Categories = func(child int, _ *string) int { return times(usualCategories)(child) }
	q.EventTypes = func(child int, _, _ *string, _ bool) int { return times(usualCategories * usualEventTypes)(child) }
	c.NotificationProfile.Subscriptions = pageComplexity
	q.AuthSettings = func(child int, _, _ *string, order *Order, first *int, after *string, last *int, before *string) int {
		return sortedComplexity(child, order, first, after, last, before)
	}
	c.AuthSetting.Profiles = pageComplexity
	q.ResourceRoutes = func(child int, _, _ *string, _ *configure.Ref, order *Order, first *int, after *string, last *int, before *string) int {
		return sortedComplexity(child, order, first, after, last, before)
	}
	c.Viewer.Limits = times(usualLimits)
	q.Certificates = func(child int, _ *string, _ []clientcert.Status, _ *time.Duration, order *Order, first *int, after *string, last *int, before *string) int {
		return sortedComplexity(child, order, first, after, last, before)
	}
	c.Certificate.Profiles = pageComplexity
	c.Category.EventTypes = times(usualEventTypes)
	c.Event.Deliveries = times(usualDeliveries)
	c.Delivery.Attempts = times(usualAttempts)
	return c
}

func times(n int) func(child int) int {
	return func(child int) int { return 1 + n*min(child, enough) }
}

func filteredComplexity[F any](child int, _ F, first *int, after *string, last *int, before *string) int {
	return pageComplexity(child, first, after, last, before)
}

func searchComplexity(child int, _ *string, order *Order, first *int, after *string, last *int, before *string) int {
	return sortedComplexity(child, order, first, after, last, before)
}

func sortedComplexity(child int, _ *Order, first *int, after *string, last *int, before *string) int {
	return pageComplexity(child, first, after, last, before)
}

func pageComplexity(child int, first *int, _ *string, last *int, _ *string) int {
	size := DefaultPage
	for _, asked := range []*int{first, last} {
		if asked != nil {
			size = min(max(*asked, 1), MaxPage)
		}
	}
	return times(size)(child)
}
