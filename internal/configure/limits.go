package configure

import (
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/expr"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/retry"
)

// Quantity is what of a field is limited. Its text is the GraphQL enum value.
type Quantity string

// All quantities; graph/schema/access.graphqls says what they mean.
const (
	Value      Quantity = "VALUE"
	Characters Quantity = "CHARACTERS"
	Bytes      Quantity = "BYTES"
	Items      Quantity = "ITEMS"
)

// InputLimit is what a field of an input may hold. The names are those of the GraphQL schema.
type InputLimit struct {
	Input, Field string
	Of           Quantity
	Min, Max     int
}

// fieldLimit is a limit of a field, of whichever input.
type fieldLimit struct {
	field string
	of    Quantity
	bounds
}

var (
	keyLimit  = fieldLimit{"key", Characters, bounds{1, maxText}}
	nameLimit = fieldLimit{"name", Characters, bounds{1, maxText}}

	subscriptionLimits = []fieldLimit{
		nameLimit,
		{"eventTypes", Items, bounds{0, maxEventTypes}},
		{"expression", Characters, bounds{0, expr.MaxLength}},
	}
	profileLimits = []fieldLimit{
		nameLimit,
		{"webhookUrl", Bytes, bounds{1, addrguard.MaxURLLength}},
		{"responseStatusRegex", Characters, bounds{0, maxRegex}},
		{"responseHeaderRegex", Characters, bounds{0, maxRegex}},
		{"responseBodyRegex", Characters, bounds{0, maxRegex}},
		{"maxBucketSize", Value, maxBucketSizeBounds},
		{"maxBucketDelayMs", Value, maxBucketDelayMsBounds},
		{"windowSize", Value, windowSizeBounds},
		{"rateLimit", Value, rateLimitBounds},
		{"connectTimeoutMs", Value, connectTimeoutMsBounds},
		{"readTimeoutMs", Value, readTimeoutMsBounds},
		{"tlsVersions", Items, bounds{1, len(tlsVersions)}},
		{"headers", Items, bounds{0, maxHeaders}},
	}
)

// inputLimits are the limits of the inputs' fields, made of what the checks use. A value that no one field has, such as
// how many subscriptions may be alike, is not among them.
var inputLimits = []struct {
	input  string
	fields []fieldLimit
}{
	{"CreateEventSubscriptionInput", append([]fieldLimit{keyLimit}, subscriptionLimits...)},
	{"UpdateEventSubscriptionInput", subscriptionLimits},
	{"EventFilterInput", []fieldLimit{
		{"users", Items, bounds{0, maxFilterValues}},
		{"entities", Items, bounds{0, maxFilterValues}},
		{"applications", Items, bounds{0, maxFilterValues}},
		{"resources", Items, bounds{0, maxFilterValues}},
		{"attributes", Items, bounds{0, maxAttributes}},
	}},
	{"AttributeFilterInput", []fieldLimit{{"values", Items, bounds{1, maxFilterValues}}}},
	{"CreateNotificationProfileInput", append([]fieldLimit{keyLimit}, profileLimits...)},
	{"UpdateNotificationProfileInput", profileLimits},
	{"HeaderInput", []fieldLimit{
		{"name", Characters, bounds{1, maxHeaderName}},
		{"value", Bytes, bounds{0, maxHeaderValue}},
	}},
	{"AutoDisableInput", []fieldLimit{{"leastAttempts", Value, autoDisableAttemptsBounds}}},
	{"RetryPolicyInput", []fieldLimit{{"delays", Items, bounds{1, retry.MaxDelays}}}},
	{"CreateAuthSettingInput", []fieldLimit{keyLimit, nameLimit}},
	{"UpdateAuthSettingInput", []fieldLimit{nameLimit}},
	{"UploadCertificateInput", []fieldLimit{
		keyLimit, nameLimit,
		{"pem", Bytes, bounds{1, clientcert.MaxSize}},
		{"passphrase", Bytes, bounds{0, clientcert.MaxPassphrase}},
	}},
	{"UpdateCertificateInput", []fieldLimit{nameLimit}},
	{"CategoryInput", []fieldLimit{
		{"key", Characters, bounds{1, maxCategoryKey}},
		nameLimit,
		{"attributes", Items, bounds{0, maxCategoryAttributes}},
	}},
	{"EventTypeInput", []fieldLimit{
		{"name", Characters, bounds{1, match.MaxPatternLength}},
		{"description", Characters, bounds{0, maxDescription}},
		{"jsonSchema", Bytes, bounds{0, catalogue.MaxSchema}},
		{"example", Bytes, bounds{0, maxExample}},
	}},
	{"TestConnectionInput", []fieldLimit{
		{"url", Bytes, bounds{1, addrguard.MaxURLLength}},
		{"connectTimeoutMs", Value, connectionTimeoutBounds},
		{"tlsVersions", Items, bounds{1, len(tlsVersions)}},
	}},
	{"BasicInput", []fieldLimit{
		{"username", Characters, bounds{1, maxUsername}},
		{"password", Characters, bounds{1, maxPassword}},
	}},
	{"HmacInput", []fieldLimit{{"secret", Bytes, bounds{minHMACSecret, maxHMACSecret}}}},
	{"OAuth2Input", []fieldLimit{
		{"tokenUrl", Bytes, bounds{1, addrguard.MaxURLLength}},
		{"clientId", Characters, bounds{1, maxClientID}},
		{"clientSecret", Characters, bounds{1, maxOAuth2Text}},
		{"username", Characters, bounds{1, maxUsername}},
		{"password", Characters, bounds{1, maxPassword}},
		{"refreshToken", Characters, bounds{1, maxOAuth2Token}},
		{"scope", Characters, bounds{1, maxOAuth2Text}},
		{"resource", Characters, bounds{1, maxOAuth2Text}},
		{"headers", Items, bounds{0, maxHeaders}},
	}},
}

// InputLimits returns the limits of the inputs' fields.
func InputLimits() []*InputLimit {
	var all []*InputLimit
	for _, of := range inputLimits {
		for _, limit := range of.fields {
			all = append(all, &InputLimit{of.input, limit.field, limit.of, limit.least, limit.most})
		}
	}
	return all
}
