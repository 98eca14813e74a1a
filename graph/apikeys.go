package graph

import (
	"slices"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/ent/predicate"
)

// APIKeyStatus says whether an API key works. Its text is the GraphQL enum value.
type APIKeyStatus string

// All statuses.
const (
	apiKeyActive  APIKeyStatus = "ACTIVE"
	apiKeyExpired APIKeyStatus = "EXPIRED"
	apiKeyRevoked APIKeyStatus = "REVOKED"
)

// apiKeyStatus is that of a key now.
func apiKeyStatus(key *ent.APIKey, now time.Time) APIKeyStatus {
	switch {
	case key.RevokedAt != nil:
		return apiKeyRevoked
	case key.ExpiresAt != nil && !now.Before(*key.ExpiresAt):
		return apiKeyExpired
	}
	return apiKeyActive
}

// havingStatus selects the keys of which apiKeyStatus says the same.
func havingStatus(status APIKeyStatus, now time.Time) predicate.APIKey {
	switch status {
	case apiKeyRevoked:
		return apikey.RevokedAtNotNil()
	case apiKeyExpired:
		return apikey.And(apikey.RevokedAtIsNil(), apikey.ExpiresAtLTE(now))
	}
	return apikey.And(apikey.RevokedAtIsNil(), apikey.Or(apikey.ExpiresAtIsNil(), apikey.ExpiresAtGT(now)))
}

func apiKeysWhere(f *APIKeyFilter, now time.Time) ([]predicate.APIKey, error) {
	if f == nil {
		return nil, nil
	}
	var where []predicate.APIKey
	if f.Search != nil {
		found, err := containing("filter.search", *f.Search, apikey.FieldName)
		if err != nil {
			return nil, err
		}
		where = append(where, found)
	}
	if f.Kind != nil {
		where = append(where, apikey.Kind(string(*f.Kind)))
	}
	if len(f.Statuses) > 0 {
		var having []predicate.APIKey
		for _, status := range []APIKeyStatus{apiKeyActive, apiKeyExpired, apiKeyRevoked} {
			if slices.Contains(f.Statuses, status) {
				having = append(having, havingStatus(status, now))
			}
		}
		where = append(where, apikey.Or(having...))
	}
	return where, nil
}
