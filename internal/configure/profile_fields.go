package configure

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/usererror"
)

// bounds are the least and the greatest value that a field may have.
type bounds struct{ least, most int }

var (
	maxBucketSizeBounds    = bounds{1, 2000}
	maxBucketDelayMsBounds = bounds{0, 60_000}
	windowSizeBounds       = bounds{20, 10_000}
	rateLimitBounds        = bounds{1, 5000}
	connectTimeoutMsBounds = bounds{300, 30_000}
	readTimeoutMsBounds    = bounds{1000, 90_000}
)

var (
	payloadFormats = []string{string(payload.Envelope), string(payload.Raw), string(payload.CloudEvents), string(payload.XML)}
	tlsVersions    = []string{"TLS_1_2", "TLS_1_3"}
)

// TLSRange returns the lowest and the highest version, as of crypto/tls, of a profile's TLS versions.
func TLSRange(versions []string) (lowest, highest uint16) {
	lowest, highest = tls.VersionTLS13, tls.VersionTLS12
	if slices.Contains(versions, "TLS_1_2") {
		lowest = tls.VersionTLS12
	}
	if slices.Contains(versions, "TLS_1_3") {
		highest = tls.VersionTLS13
	}
	return lowest, highest
}

// asChange returns the change that makes an empty profile the one of the input.
func (in CreateNotificationProfileInput) asChange() UpdateNotificationProfileInput {
	policy := in.RetryPolicy
	if policy == nil {
		policy = &RetryPolicyInput{Kind: string(retry.Quadratic), Jitter: true}
	}
	name := in.Name
	if name == nil {
		name = &in.Key
	}
	return UpdateNotificationProfileInput{
		Name:                name,
		WebhookURL:          &in.WebhookURL,
		PayloadFormat:       &in.PayloadFormat,
		ResponseStatusRegex: graphql.OmittableOf(in.ResponseStatusRegex),
		ResponseHeaderRegex: graphql.OmittableOf(in.ResponseHeaderRegex),
		ResponseBodyRegex:   graphql.OmittableOf(in.ResponseBodyRegex),
		MaxBucketSize:       &in.MaxBucketSize,
		MaxBucketDelayMs:    &in.MaxBucketDelayMs,
		WindowSize:          &in.WindowSize,
		RateLimit:           graphql.OmittableOf(in.RateLimit),
		ConnectTimeoutMs:    &in.ConnectTimeoutMs,
		ReadTimeoutMs:       &in.ReadTimeoutMs,
		TLSVersions:         append([]string{}, in.TLSVersions...),
		Headers:             append([]HeaderInput{}, in.Headers...),
		RetryPolicy:         policy,
	}
}

// setProfileFields sets the fields of profile that are given, and says what is wrong with them.
func (s *Service) setProfileFields(
	ctx context.Context, wrong *usererror.List, path string, m *ent.NotificationProfileMutation, profile id.ID, in UpdateNotificationProfileInput,
) {
	if in.Name != nil {
		m.SetName(*in.Name)
		if key, isNew := m.Key(); !isNew || *in.Name != key { // a key's mistakes are named once
			checkName(wrong, path+".name", *in.Name)
		}
	}
	if in.WebhookURL != nil {
		checkURL(wrong, path+".webhookUrl", s.Guard, *in.WebhookURL)
		m.SetWebhookURL(*in.WebhookURL)
	}
	if in.PayloadFormat != nil {
		checkOneOf(wrong, path+".payloadFormat", "payloadFormat", *in.PayloadFormat, payloadFormats)
		m.SetPayloadFormat(*in.PayloadFormat)
	}
	setRegex(wrong, path+".responseStatusRegex", in.ResponseStatusRegex, m.SetResponseStatusRegex)
	setRegex(wrong, path+".responseHeaderRegex", in.ResponseHeaderRegex, m.SetResponseHeaderRegex)
	setRegex(wrong, path+".responseBodyRegex", in.ResponseBodyRegex, m.SetResponseBodyRegex)
	setNumber(wrong, path, "maxBucketSize", in.MaxBucketSize, maxBucketSizeBounds, m.SetMaxBucketSize)
	setNumber(wrong, path, "maxBucketDelayMs", in.MaxBucketDelayMs, maxBucketDelayMsBounds, m.SetMaxBucketDelayMs)
	setNumber(wrong, path, "windowSize", in.WindowSize, windowSizeBounds, m.SetWindowSize)
	if limit, given := in.RateLimit.ValueOK(); given && limit == nil {
		m.ClearRateLimit()
	} else {
		setNumber(wrong, path, "rateLimit", limit, rateLimitBounds, m.SetRateLimit)
	}
	setNumber(wrong, path, "connectTimeoutMs", in.ConnectTimeoutMs, connectTimeoutMsBounds, m.SetConnectTimeoutMs)
	setNumber(wrong, path, "readTimeoutMs", in.ReadTimeoutMs, readTimeoutMsBounds, m.SetReadTimeoutMs)
	if in.TLSVersions != nil {
		checkTLSVersions(wrong, path+".tlsVersions", in.TLSVersions)
		m.SetTLSVersions(in.TLSVersions)
	}
	if in.Headers != nil {
		m.SetHeaders(s.headers(ctx, wrong, path+".headers", profile, in.Headers))
	}
	if in.RetryPolicy != nil {
		m.SetRetryPolicy(retryPolicy(wrong, path+".retryPolicy", *in.RetryPolicy))
	}
}

// checkURL never shows the URL, which may hold secrets.
func checkURL(wrong *usererror.List, path string, guard addrguard.Policy, raw string) {
	if checkURLText(wrong, path, "webhookUrl", "https://example.com/webhook", raw) {
		checkGuard(wrong, path, guard, raw)
	}
}

// checkURLText says whether a URL is there and short enough to be looked at.
func checkURLText(wrong *usererror.List, path, field, example, raw string) bool {
	switch {
	case raw == "":
		wrong.Add(usererror.Required, path, "a %s is needed, such as %s", field, example)
	case len(raw) > addrguard.MaxURLLength:
		wrong.Add(usererror.OutOfRange, path, "the %s has %d bytes: at most %d are allowed", field, len(raw), addrguard.MaxURLLength)
	default:
		return true
	}
	return false
}

// checkGuard says why the address guard refuses a URL.
func checkGuard(wrong *usererror.List, path string, guard addrguard.Policy, raw string) {
	err := guard.CheckURL(raw)
	if err == nil {
		return
	}
	code := usererror.Invalid
	if refused, ok := errors.AsType[*addrguard.URLError](err); ok && refused.Code == addrguard.Blocked {
		code = usererror.BlockedAddress
	}
	wrong.Add(code, path, "%v", err)
}

func checkOneOf(wrong *usererror.List, path, field, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		wrong.Add(usererror.Invalid, path, "%s is %s: it must be one of %s", field, quote(value), strings.Join(allowed, ", "))
	}
}

func setNumber(wrong *usererror.List, path, field string, given *int, b bounds, set func(int)) {
	if given == nil {
		return
	}
	set(*given)
	if *given < b.least || *given > b.most {
		wrong.Add(usererror.OutOfRange, path+"."+field, "%s is %d: it must be %d to %d", field, *given, b.least, b.most)
	}
}

func checkTLSVersions(wrong *usererror.List, path string, given []string) {
	if len(given) == 0 {
		wrong.Add(usererror.Required, path, "tlsVersions is empty: it needs at least one of %s", strings.Join(tlsVersions, ", "))
	}
	if len(given) > len(tlsVersions) {
		wrong.Add(usererror.OutOfRange, path, "tlsVersions has %d entries: there are only %s", len(given), strings.Join(tlsVersions, ", "))
		return
	}
	for i, version := range given {
		at := path + "." + strconv.Itoa(i)
		checkOneOf(wrong, at, "the version", version, tlsVersions)
		if slices.Contains(given[:i], version) {
			wrong.Add(usererror.Invalid, at, "%s is given twice: remove one of them", quote(version))
		}
	}
}

func retryPolicy(wrong *usererror.List, path string, in RetryPolicyInput) types.RetryPolicy {
	policy := retry.Policy{Kind: retry.Kind(in.Kind), Delays: in.Delays, NoJitter: !in.Jitter}
	if err := policy.Validate(); err != nil {
		switch policy.Kind {
		case retry.Custom:
			wrong.Add(usererror.OutOfRange, path+".delays", "%v", err)
		case retry.Quadratic, retry.Exponential8h, retry.Standard, retry.None:
			wrong.Add(usererror.Invalid, path+".delays", "%v", err)
		default:
			wrong.Add(usererror.Invalid, path+".kind", "%v", err)
		}
	}
	return types.RetryPolicy{Kind: in.Kind, Delays: in.Delays, NoJitter: !in.Jitter}
}
