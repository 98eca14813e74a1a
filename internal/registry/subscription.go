package registry

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/expr"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/mask"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/signing"
)

// Subscription is a subscription as it is delivered to. It does not change: a change of the subscription makes another.
type Subscription struct {
	ID        id.ID
	ProfileID id.ID
	Key       string // empty of a resource route, and of per-message webhooks
	Enabled   bool
	// Park says that what it is to get while it is disabled is kept until it is enabled again.
	Park bool
	// Problem is why nothing can be sent, such as a secret that cannot be opened: its deliveries fail and are retried.
	Problem error

	expression *expr.Expression // nil for none
	// secrets are the signing secret and the one before it, which signs until previousUntil; the latter is often zero.
	secrets       [2]signing.Secret
	previousUntil time.Time
}

// Secrets returns the secrets that sign at a time, the newest first.
func (s *Subscription) Secrets(at time.Time) []signing.Secret {
	if s.secrets[1].IsZero() || !at.Before(s.previousUntil) {
		return s.secrets[:1]
	}
	return s.secrets[:]
}

// Profile is a notification profile as it is sent through. It does not change.
type Profile struct {
	ID       id.ID
	URL      string
	ShownURL string // without its query, which may hold secrets
	Format   payload.Format
	Window   int
	// BucketSize is how many events a request carries at most: 1, or it is a bucket, which waits for BucketDelay to be filled.
	BucketSize     int
	BucketDelay    time.Duration
	RateLimit      int // requests a second; 0 for no limit
	ConnectTimeout time.Duration
	ReadTimeout    time.Duration
	TotalTimeout   time.Duration
	MinTLS, MaxTLS uint16
	// Headers are the profile's own, and HeaderLines the same as `Name: value` lines with secret values masked.
	Headers     http.Header
	HeaderLines string
	// Mask replaces secret values that an endpoint repeats in its response; nil if there are none.
	Mask *strings.Replacer
	// A successful response must match those that are not nil.
	StatusRegex, HeaderRegex, BodyRegex *regexp.Regexp
	Retry                               retry.Policy
	// Credentials, of the auth setting, authenticate requests, beside their signature; nil for none. Headers lack the one that they set.
	Credentials   *credentials.Credentials
	AuthSettingID id.ID
	// certificate is the one for mutual TLS, if any, and nextCertificate what takes its place at nextCertificateAt.
	certificate, nextCertificate *Certificate
	nextCertificateAt            time.Time
	// Problem is why nothing can be sent; see Subscription.
	Problem error
}

func (r *Registry) subscription(row *ent.EventSubscription) *Subscription {
	secrets, err := r.openSecrets(row)
	var condition *expr.Expression
	if row.Expression != "" {
		// What was compiled when it was saved, and is not any more, must not be lost: it is sent to nobody, and retried.
		var notCompiled error
		condition, notCompiled = expr.Compile(row.Expression)
		err = errors.Join(err, notCompiled)
	}
	s := &Subscription{
		ID: row.ID, ProfileID: row.ProfileID, Key: row.Key, Enabled: row.Enabled, Park: row.WhileDisabled == configure.Park, Problem: err,
		expression: condition, secrets: secrets,
	}
	if row.PreviousSecretValidUntil != nil {
		s.previousUntil = *row.PreviousSecretValidUntil
	}
	return s
}

// rule returns what the index of the account needs to know of a subscription.
func rule(row *ent.EventSubscription) match.Rule {
	patterns := row.EventTypes
	if len(patterns) == 0 {
		patterns = []string{row.Category + ".*"}
	}
	return match.Rule{ID: match.ID(row.ID), Patterns: patterns, Filter: filter(&row.Filter)}
}

func filter(f *types.EventFilter) match.Filter {
	out := match.Filter{Users: f.Users, Entities: f.Entities, Applications: f.Applications, Resources: f.Resources}
	for _, a := range f.Attributes {
		out.Attributes = append(out.Attributes, match.Attribute{Key: a.Key, Values: a.Values})
	}
	return out
}

// openSecrets opens the signing secret and the one before it. That the latter cannot be opened is no problem: only the former must sign.
func (r *Registry) openSecrets(row *ent.EventSubscription) (secrets [2]signing.Secret, err error) {
	if secrets[0], err = r.openSecret(row.Secret, configure.SecretBinding(row.ID)); err != nil {
		return secrets, err
	}
	if row.PreviousSecret != nil {
		if previous, err := r.openSecret(row.PreviousSecret, configure.PreviousSecretBinding(row.ID)); err == nil {
			secrets[1] = previous
		}
	}
	return secrets, nil
}

func (r *Registry) openSecret(sealed []byte, binding string) (signing.Secret, error) {
	plain, err := r.vault.Open(sealed, binding)
	if err != nil {
		return signing.Secret{}, fmt.Errorf("signing secret: %w", err)
	}
	secret, err := signing.ParseSecret(string(plain))
	if err != nil {
		return signing.Secret{}, fmt.Errorf("signing secret: %w", err)
	}
	return secret, nil
}

func (r *Registry) profile(row *ent.NotificationProfile) *Profile {
	connect := time.Duration(row.ConnectTimeoutMs) * time.Millisecond
	read := time.Duration(row.ReadTimeoutMs) * time.Millisecond
	p := &Profile{
		ID: row.ID, URL: row.WebhookURL, ShownURL: withoutQuery(row.WebhookURL), Format: payload.Format(row.PayloadFormat), Window: row.WindowSize,
		ConnectTimeout: connect, ReadTimeout: read, TotalTimeout: connect + 3*read,
		BucketSize: row.MaxBucketSize, BucketDelay: time.Duration(row.MaxBucketDelayMs) * time.Millisecond,
		Headers: make(http.Header, len(row.Headers)),
		Retry: retry.Policy{
			Kind: retry.Kind(row.RetryPolicy.Kind), Delays: row.RetryPolicy.Delays, NoJitter: row.RetryPolicy.NoJitter,
		},
	}
	if row.RateLimit != nil {
		p.RateLimit = *row.RateLimit
	}
	p.MinTLS, p.MaxTLS = configure.TLSRange(row.TLSVersions)
	r.setCertificates(row, p)
	p.Problem = errors.Join(r.openCredentials(row, p), r.readHeaders(row, p), compileRegexes(row, p))
	return p
}

// openCredentials sets the profile's credentials. If it has an auth setting and these cannot be had, nothing may be sent.
func (r *Registry) openCredentials(row *ent.NotificationProfile, p *Profile) error {
	if row.AuthSettingID == nil {
		return nil
	}
	setting := row.Edges.AuthSetting
	if setting == nil {
		return errors.New("auth setting: it is missing") // deleted just now; the profile's own change follows
	}
	opened, err := credentials.Open(r.vault, setting.ID, setting.Credentials)
	if err != nil {
		return fmt.Errorf("auth setting %s: %w", setting.Key, err)
	}
	p.AuthSettingID, p.Credentials = setting.ID, opened
	return nil
}

func withoutQuery(url string) string {
	shown, _, _ := strings.Cut(url, "?")
	return shown
}

func (r *Registry) readHeaders(row *ent.NotificationProfile, p *Profile) error {
	var secrets []string
	if p.Credentials != nil {
		secrets = p.Credentials.Secrets()
	}
	for _, header := range row.Headers {
		value, shown, name := header.Value, header.Value, http.CanonicalHeaderKey(header.Name)
		if p.Credentials != nil && name == p.Credentials.HeaderName() {
			continue
		}
		if header.Secret() {
			plain, err := r.vault.Open(header.Sealed, configure.HeaderBinding(row.ID, header.Name))
			if err != nil {
				return fmt.Errorf("secret header %s: %w", header.Name, err)
			}
			value, shown = string(plain), mask.Shown
		}
		if name == "Authorization" {
			shown = mask.Shown
			_, credentials, _ := strings.Cut(value, " ") // after the scheme
			secrets = append(secrets, credentials)
		}
		if shown == mask.Shown {
			secrets = append(secrets, value)
		}
		p.Headers[name] = []string{value}
		p.HeaderLines += name + ": " + shown + "\n"
	}
	p.Mask = mask.New(secrets)
	return nil
}

func compileRegexes(row *ent.NotificationProfile, p *Profile) error {
	for _, regex := range []struct {
		text string
		into **regexp.Regexp
	}{
		{row.ResponseStatusRegex, &p.StatusRegex}, {row.ResponseHeaderRegex, &p.HeaderRegex}, {row.ResponseBodyRegex, &p.BodyRegex},
	} {
		if regex.text == "" {
			continue
		}
		compiled, err := configure.CompileRegex(regex.text)
		if err != nil {
			return fmt.Errorf("regular expression: %w", err)
		}
		*regex.into = compiled
	}
	return nil
}
