package configure

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/usererror"
)

// checkSame says that the account has as many subscriptions with the same rule as it may have, before there is one more.
func (s *Service) checkSame(ctx context.Context, c *change, r rule) error {
	limit := s.Limits.SameSubscriptions
	if limit == 0 {
		limit = defaultSameSubscriptions
	}
	n, err := c.EventSubscription.Query().Where(eventsubscription.RuleDigest(r.digest())).Count(ctx) // index: account_id, rule_digest
	if err != nil {
		return err
	}
	if n >= limit {
		c.wrong.Add(usererror.LimitReached, "",
			"%d event subscriptions of the account have this category, these event types, this filter and this expression already, which is the limit: "+
				"use one of them, or ask for something else", limit)
	}
	return nil
}

// digest is the same for rules that ask for the same, in whatever order, and for no others: a SHA-256.
func (r rule) digest() string {
	sorted := rule{category: r.category, expression: r.expression, eventTypes: sortedSet(r.eventTypes), filter: r.filter}
	for _, part := range partsOf(&sorted.filter) {
		*part.values = sortedSet(*part.values)
	}
	sorted.filter.Attributes = make([]types.AttributeFilter, len(r.filter.Attributes))
	for i, a := range r.filter.Attributes {
		sorted.filter.Attributes[i] = types.AttributeFilter{Key: a.Key, Values: sortedSet(a.Values)}
	}
	slices.SortFunc(sorted.filter.Attributes, func(a, b types.AttributeFilter) int { return strings.Compare(a.Key, b.Key) })
	text, _ := json.Marshal([]any{sorted.category, sorted.eventTypes, sorted.filter, sorted.expression}) // texts cannot fail
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sortedSet returns values in order, never nil.
func sortedSet(values []string) []string {
	return append([]string{}, slices.Sorted(slices.Values(values))...)
}
