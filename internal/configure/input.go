package configure

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent/schema/types"
)

// The inputs are those of the GraphQL schema, which says what their fields mean and gives the defaults that GraphQL
// fills in. Callers in Go fill them in themselves, or begin with ProfileInput.

// Ref names one object: by ID or by Key, not by both.
type Ref struct {
	ID  *string
	Key *string
}

// CreateEventSubscriptionInput is a new event subscription.
type CreateEventSubscriptionInput struct {
	Key        string
	Name       string
	Category   *string
	EventTypes []string
	Filter     *EventFilterInput
	Expression *string
	Profile    ProfileChoice
	Enabled    bool
	// WhileDisabled is Skip or Park; empty for Skip.
	WhileDisabled string
	Secret        *string
}

// What becomes of events that match a subscription while it is disabled.
const (
	Skip = "SKIP"
	Park = "PARK"
)

// ProfileChoice is an existing notification profile or a new one, not both.
type ProfileChoice struct {
	Existing *Ref
	Create   *CreateNotificationProfileInput
}

// EventFilterInput is what an event must carry. Each list is a set: neither order nor repetition matters.
type EventFilterInput struct {
	Users        []string
	Entities     []string
	Applications []string
	Resources    []string
	Attributes   []types.AttributeFilter
}

// UpdateEventSubscriptionInput is a change of an event subscription; what is nil or omitted stays as it is.
type UpdateEventSubscriptionInput struct {
	ExpectedVersion *int
	Name            *string
	EventTypes      []string // empty but not nil: all of the category
	Filter          *EventFilterInput
	Expression      graphql.Omittable[*string] // nil: none
	Profile         *Ref
	Enabled         *bool
	WhileDisabled   *string
}

// CreateNotificationProfileInput is a new notification profile.
type CreateNotificationProfileInput struct {
	Key                 string
	Name                *string // nil: the key
	WebhookURL          string
	PayloadFormat       string
	ResponseStatusRegex *string
	ResponseHeaderRegex *string
	ResponseBodyRegex   *string
	MaxBucketSize       int
	MaxBucketDelayMs    int
	WindowSize          int
	RateLimit           *int
	ConnectTimeoutMs    int
	ReadTimeoutMs       int
	TLSVersions         []string
	Headers             []HeaderInput
	RetryPolicy         *RetryPolicyInput
	Auth                *AuthChoice
	Certificate         *CertificateChoice
}

// ProfileInput returns the input of a new notification profile with the schema's defaults.
func ProfileInput(key, webhookURL string) CreateNotificationProfileInput {
	return CreateNotificationProfileInput{
		Key:              key,
		WebhookURL:       webhookURL,
		PayloadFormat:    "ENVELOPE",
		MaxBucketSize:    1,
		MaxBucketDelayMs: 100,
		WindowSize:       20,
		ConnectTimeoutMs: 10_000,
		ReadTimeoutMs:    10_000,
		TLSVersions:      []string{"TLS_1_2", "TLS_1_3"},
	}
}

// UpdateNotificationProfileInput is a change of a notification profile; what is nil or omitted stays as it is. A regex
// or a rate limit that is set to nil is removed.
type UpdateNotificationProfileInput struct {
	ExpectedVersion     *int
	Name                *string
	WebhookURL          *string
	PayloadFormat       *string
	ResponseStatusRegex graphql.Omittable[*string]
	ResponseHeaderRegex graphql.Omittable[*string]
	ResponseBodyRegex   graphql.Omittable[*string]
	MaxBucketSize       *int
	MaxBucketDelayMs    *int
	WindowSize          *int
	RateLimit           graphql.Omittable[*int]
	ConnectTimeoutMs    *int
	ReadTimeoutMs       *int
	TLSVersions         []string
	Headers             []HeaderInput // empty but not nil: none
	RetryPolicy         *RetryPolicyInput
	Auth                graphql.Omittable[*Ref]                    // nil: none
	Certificate         graphql.Omittable[*CertificateChoice]      // nil: none
	CertificateChange   graphql.Omittable[*CertificateChangeInput] // nil: none
}

// HeaderInput is a header for every request.
type HeaderInput struct {
	Name   string
	Value  string
	Secret bool
}

// RetryPolicyInput is when failed deliveries are to be tried again.
type RetryPolicyInput struct {
	Kind   string
	Delays []time.Duration
	Jitter bool
}

// AuthChoice is an existing auth setting or a new one, not both.
type AuthChoice struct {
	Existing *Ref
	Create   *CreateAuthSettingInput
}

// CreateAuthSettingInput is a new auth setting. Without a name its key is its name.
type CreateAuthSettingInput struct {
	Key         string
	Name        *string
	Credentials CredentialsInput
}

// UpdateAuthSettingInput is a change of an auth setting; what is nil stays as it is.
type UpdateAuthSettingInput struct {
	ExpectedVersion *int
	Name            *string
	Credentials     *CredentialsInput
}

// CredentialsInput is credentials of one type: exactly one field is given.
type CredentialsInput struct {
	Basic  *BasicInput
	HMAC   *HMACInput
	OAuth2 *OAuth2Input
}

// BasicInput is a user name and a password.
type BasicInput struct {
	Username string
	Password string
}

// HMACInput is a key and how to sign with it. What is nil is the preset's or, without one, SHA256, HEX and BODY.
type HMACInput struct {
	Secret        *string // nil: one is made
	Preset        *string
	Algorithm     *string
	HeaderName    *string
	Encoding      *string
	SignedContent *string
}

// OAuth2Input is how access tokens are asked for.
type OAuth2Input struct {
	TokenURL     string
	GrantType    string
	ClientID     *string
	ClientSecret *string
	Username     *string
	Password     *string
	RefreshToken *string
	Scope        *string
	Resource     *string
	Headers      []HeaderInput
}
