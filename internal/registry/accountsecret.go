package registry

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
)

// putAccountSecret keeps an account's secret as a subscription that is enabled and has no profile.
func (r *Registry) putAccountSecret(row *ent.AccountSecret) {
	s := &Subscription{ID: row.AccountID, Enabled: true}
	secret, err := r.openSecret(row.Secret, configure.AccountSecretBinding(row.ID))
	s.secrets, s.Problem = []signing.Secret{secret}, err
	if err != nil {
		r.log.Error("account's signing secret cannot be used", "account", id.Format(id.Account, row.AccountID), "error", err)
	}
	if row.PreviousSecret != nil && row.PreviousSecretValidUntil != nil {
		if previous, err := r.openSecret(row.PreviousSecret, configure.PreviousAccountSecretBinding(row.ID)); err == nil {
			s.secrets, s.previousUntil = append(s.secrets, previous), *row.PreviousSecretValidUntil
		}
	}
	r.in(row.AccountID).secret = s
	r.owners[row.ID] = row.AccountID
}
