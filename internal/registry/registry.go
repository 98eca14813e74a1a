// Package registry is the configuration in memory: every enabled and disabled subscription with its profile, ready to
// be matched and delivered to; the routes of resources; and the catalogue's event types with their compiled schemas. It is loaded
// at start and kept true by reading the lines of config_changes, so that a change takes effect in every process within a
// second.
package registry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/configchange"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/vault"
)

// Registry is the configuration of all accounts. It is safe for concurrent use.
type Registry struct {
	client *ent.Client
	vault  *vault.Vault
	log    *slog.Logger

	following sync.Mutex         // one reader of changes at a time
	seen      map[id.ID]struct{} // lines of config_changes that have been applied
	readAt    time.Time          // when config_changes was last read
	fullAt    time.Time          // when that read went back by overlap

	mu           sync.RWMutex
	accounts     map[id.ID]*account
	owners       map[id.ID]id.ID // subscription, profile or route → its account
	eventTypes   map[string]*EventType
	certificates certificates
	onRelease    []func(identity string)
}

// account is what one account has configured.
type account struct {
	index         match.Index // enabled subscriptions
	disabled      match.Index // disabled ones
	expressions   int         // how many subscriptions have an expression
	subscriptions map[id.ID]*Subscription
	profiles      map[id.ID]*Profile
	routes        map[string]typedRoute // by resource
	resources     map[id.ID]string      // by route
	secret        *Subscription         // signs what is sent without a subscription; nil while there is none
}

// Open loads the configuration. Run keeps it true.
func Open(ctx context.Context, client *ent.Client, v *vault.Vault, log *slog.Logger) (*Registry, error) {
	r := &Registry{client: client, vault: v, log: log}
	r.following.Lock()
	defer r.following.Unlock()
	if err := r.load(access.WithSystem(ctx)); err != nil {
		return nil, err
	}
	return r, nil
}

// load reads everything anew.
func (r *Registry) load(ctx context.Context) error {
	// Lines from before the rows are read are in the rows; those since then are applied once more by the first read.
	started := time.Now()
	fresh := &Registry{
		client: r.client, vault: r.vault, log: r.log,
		accounts: make(map[id.ID]*account), owners: make(map[id.ID]id.ID), eventTypes: make(map[string]*EventType),
		certificates: certificates{open: make(map[id.ID]*openCertificate)},
	}
	if err := readAll(ctx, "event types", r.readEventTypes, fresh.putEventType); err != nil {
		return err
	}
	if err := readAll(ctx, "notification profiles", r.readProfiles, fresh.putProfile); err != nil {
		return err
	}
	if err := readAll(ctx, "event subscriptions", r.readSubscriptions, fresh.putSubscription); err != nil {
		return err
	}
	if err := readAll(ctx, "resource routes", r.readRoutes, fresh.putRoute); err != nil {
		return err
	}
	if err := readAll(ctx, "account secrets", r.readAccountSecrets, fresh.putAccountSecret); err != nil {
		return err
	}
	r.mu.Lock()
	r.accounts, r.owners, r.eventTypes = fresh.accounts, fresh.owners, fresh.eventTypes
	fresh.certificates.released = append(r.certificates.released, r.certificates.notIn(fresh.certificates)...)
	r.certificates = fresh.certificates
	r.mu.Unlock()
	r.tellReleased()
	r.seen, r.readAt, r.fullAt = make(map[id.ID]struct{}), started, started
	return nil
}

// Subscription returns a subscription, or a route that forwards, with its profile; ok is false if the account has none of that
// id, as far as this process knows.
func (r *Registry) Subscription(accountID, subscription id.ID) (s *Subscription, p *Profile, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.accounts[accountID]
	if a == nil {
		return nil, nil, false
	}
	if s = a.subscriptions[subscription]; s == nil {
		s = a.forwarding(subscription)
	}
	if s == nil {
		return nil, nil, false
	}
	p = a.profiles[s.ProfileID]
	return s, p, p != nil
}

// in returns the account's part, made if it is missing. r.mu is held for writing.
func (r *Registry) in(accountID id.ID) *account {
	a := r.accounts[accountID]
	if a == nil {
		a = &account{
			subscriptions: make(map[id.ID]*Subscription), profiles: make(map[id.ID]*Profile),
			routes: make(map[string]typedRoute), resources: make(map[id.ID]string),
		}
		r.accounts[accountID] = a
	}
	return a
}

// putSubscription puts a subscription in and returns its id, as the others of the kind do. r.mu is held for writing.
func (r *Registry) putSubscription(row *ent.EventSubscription) id.ID {
	s := r.subscription(row)
	if s.Problem != nil {
		r.log.Error("subscription cannot be used", "subscription", id.Format(id.EventSubscription, row.ID), "error", s.Problem)
	}
	a := r.in(row.AccountID)
	a.remove(row.ID)
	a.subscriptions[row.ID] = s
	r.owners[row.ID] = row.AccountID
	if s.expression != nil {
		a.expressions++
	}
	if row.Enabled {
		a.index.Put(rule(row))
	} else {
		a.disabled.Put(rule(row))
	}
	return row.ID
}

// remove takes a subscription out, if it is there.
func (a *account) remove(subscription id.ID) {
	if before := a.subscriptions[subscription]; before != nil && before.expression != nil {
		a.expressions--
	}
	a.index.Remove(match.ID(subscription))
	a.disabled.Remove(match.ID(subscription))
	delete(a.subscriptions, subscription)
}

func (r *Registry) putProfile(row *ent.NotificationProfile) id.ID {
	p := r.profile(row)
	if p.Problem != nil {
		r.log.Error("profile cannot be used", "profile", id.Format(id.NotificationProfile, row.ID), "error", p.Problem)
	}
	profiles := r.in(row.AccountID).profiles
	r.releaseCertificates(profiles[row.ID]) // those that it still has were given to it once more
	profiles[row.ID] = p
	r.owners[row.ID] = row.AccountID
	return row.ID
}

func (r *Registry) remove(kind id.Prefix, object id.ID) {
	a := r.accounts[r.owners[object]]
	if a == nil {
		return
	}
	delete(r.owners, object)
	switch kind {
	case id.EventSubscription:
		a.remove(object)
	case id.NotificationProfile:
		r.releaseCertificates(a.profiles[object])
		delete(a.profiles, object)
	case id.ResourceRoute:
		a.removeRoute(object)
	case id.AccountSecret:
		a.secret = nil
	}
}

// How config_changes is read. Lines can become visible late, by as long as their transaction took: each read goes back
// by a few seconds, now and then by overlap, and what has been applied is skipped.
const (
	followEvery = 250 * time.Millisecond
	overlap     = 30 * time.Second
	overlapEach = 3 * time.Second // a bulk of changes is not read again and again
	overlapFull = 5 * time.Second // how often a read goes back by overlap
)

// Run follows the changes that other processes make, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := r.Refresh(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.log.Error("configuration changes cannot be read; the present configuration stays in use", "error", err)
		}
		failing = err != nil
	}
}

// Refresh applies all changes that are committed.
func (r *Registry) Refresh(ctx context.Context) error {
	ctx = access.WithSystem(ctx)
	r.following.Lock()
	defer r.following.Unlock()
	now := time.Now()
	if now.Sub(r.fullAt) > overlap/2 {
		// Lines may have become visible and gone past meanwhile.
		return r.load(ctx)
	}
	back := now.Sub(r.readAt) + overlapEach
	if now.Sub(r.fullAt) > overlapFull {
		back = overlap
	}
	since := id.FirstAt(now.Add(-back))
	lines, err := r.client.ConfigChange.Query().Where(configchange.IDGTE(since)).Order(ent.Asc(configchange.FieldID)).All(ctx)
	if err != nil {
		return fmt.Errorf("read configuration changes: %w", err)
	}
	if err := r.follow(ctx, lines); err != nil {
		return err
	}
	for line := range r.seen {
		if now.Sub(id.Time(line)) > 2*overlap {
			delete(r.seen, line)
		}
	}
	r.readAt = now
	if back == overlap {
		r.fullAt = now
	}
	return nil
}

// Apply applies changes that this process has committed, without looking for those of others: what it costs does not depend on how much changes.
func (r *Registry) Apply(ctx context.Context, lines []*ent.ConfigChange) error {
	r.following.Lock()
	defer r.following.Unlock()
	return r.follow(access.WithSystem(ctx), lines)
}

// follow applies the lines that have not been applied. r.following is held.
func (r *Registry) follow(ctx context.Context, lines []*ent.ConfigChange) error {
	changed := map[id.Prefix][]id.ID{}
	var applied []id.ID
	for _, line := range lines {
		if _, seen := r.seen[line.ID]; !seen {
			kind := id.Prefix(line.Kind)
			changed[kind] = append(changed[kind], line.ObjectID)
			applied = append(applied, line.ID)
		}
	}
	if err := r.apply(ctx, changed); err != nil {
		return err
	}
	for _, line := range applied {
		r.seen[line] = struct{}{}
	}
	return nil
}

// apply reads the changed objects and puts them in, profiles first; those that are gone are removed, subscriptions first.
func (r *Registry) apply(ctx context.Context, changed map[id.Prefix][]id.ID) error {
	if len(changed) == 0 {
		return nil
	}
	profiles, err := readChanged(ctx, "notification profiles", r.readProfiles, changed[id.NotificationProfile])
	if err != nil {
		return err
	}
	subscriptions, err := readChanged(ctx, "event subscriptions", r.readSubscriptions, changed[id.EventSubscription])
	if err != nil {
		return err
	}
	routes, err := readChanged(ctx, "resource routes", r.readRoutes, changed[id.ResourceRoute])
	if err != nil {
		return err
	}
	secrets, err := readChanged(ctx, "account secrets", r.readAccountSecrets, changed[id.AccountSecret])
	if err != nil {
		return err
	}
	types, err := r.changedEventTypes(ctx, changed[id.EventType])
	if err != nil {
		return err
	}
	gone := make(map[id.ID]id.Prefix)
	for kind, objects := range changed {
		for _, object := range objects {
			gone[object] = kind
		}
	}
	defer r.tellReleased() // without the lock, which is let go first
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range profiles {
		delete(gone, r.putProfile(row))
	}
	for _, row := range subscriptions {
		delete(gone, r.putSubscription(row))
	}
	for _, row := range routes {
		delete(gone, r.putRoute(row))
	}
	for _, row := range secrets {
		delete(gone, r.putAccountSecret(row))
	}
	maps.Copy(r.eventTypes, types) // none is ever gone
	for object, kind := range gone {
		r.remove(kind, object)
	}
	return nil
}
