package registry

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// AccountSecret returns an account's secret as a subscription that is enabled and has no profile; ok is false if the account
// has none, as far as this process knows.
func (r *Registry) AccountSecret(accountID id.ID) (s *Subscription, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.accounts[accountID]
	if a == nil || a.secret == nil {
		return nil, false
	}
	return a.secret, true
}

// putAccountSecret keeps an account's secret as a subscription that is enabled and has no profile.
func (r *Registry) putAccountSecret(row *ent.AccountSecret) id.ID {
	s := &Subscription{ID: row.AccountID, Enabled: true}
	if s.secrets[0], s.Problem = r.openSecret(row.Secret, configure.AccountSecretBinding(row.ID)); s.Problem != nil {
		r.log.Error("account's signing secret cannot be used", "account", id.Format(id.Account, row.AccountID), "error", s.Problem)
	}
	if row.PreviousSecret != nil && row.PreviousSecretValidUntil != nil {
		if previous, err := r.openSecret(row.PreviousSecret, configure.PreviousAccountSecretBinding(row.ID)); err == nil {
			s.secrets[1], s.previousUntil = previous, *row.PreviousSecretValidUntil
		}
	}
	r.in(row.AccountID).secret = s
	r.owners[row.ID] = row.AccountID
	return row.ID
}
