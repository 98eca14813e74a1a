package configure

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of credentials, in characters where nothing else is said.
const (
	maxUsername    = 255
	maxPassword    = 1024
	minHMACSecret  = 16      // bytes
	maxHMACSecret  = 4 << 10 // bytes
	maxClientID    = 255
	maxOAuth2Text  = 1024     // scope, resource, client secret
	maxOAuth2Token = 16 << 10 // a refresh token may be a long JWT
)

var (
	hmacAlgorithms = []string{credentials.SHA256, credentials.SHA384, credentials.SHA512, credentials.SHA1}
	hmacEncodings  = []string{credentials.EncodingHex, credentials.EncodingBase64}
	hmacContents   = []string{credentials.ContentBody, credentials.ContentTimestampBody, credentials.ContentIDTimestampBody}
	hmacPresets    = []string{credentials.PresetGitHub, credentials.PresetStripe}
	oauth2Grants   = []string{credentials.GrantClientCredentials, credentials.GrantPassword, credentials.GrantRefreshToken}
)

// readCredentials reads credentials and says what is wrong with them. generated is the secret that was made because none
// was given, if one was.
func (s *Service) readCredentials(
	ctx context.Context, wrong *usererror.List, path string, in CredentialsInput,
) (c *credentials.Credentials, generated string) {
	checkSecretsScope(ctx, wrong, path)
	c = &credentials.Credentials{SetAt: time.Now().UTC().Truncate(time.Microsecond)}
	given := 0
	if in.Basic != nil {
		given++
		c.Basic = readBasic(wrong, path+".basic", *in.Basic)
	}
	if in.HMAC != nil {
		given++
		c.HMAC, generated = s.readHMAC(wrong, path+".hmac", *in.HMAC)
	}
	if in.OAuth2 != nil {
		given++
		c.OAuth2 = s.readOAuth2(wrong, path+".oauth2", *in.OAuth2)
	}
	if given != 1 {
		wrong.Add(usererror.Required, path, "give credentials of one type: `basic`, `hmac` or `oauth2`")
	}
	return c, generated
}

func readBasic(wrong *usererror.List, path string, in BasicInput) *credentials.Basic {
	checkCredential(wrong, path+".username", "username", in.Username, maxUsername)
	if strings.Contains(in.Username, ":") {
		wrong.Add(usererror.Invalid, path+".username", "the username has a colon, which ends it in HTTP Basic (RFC 7617): remove it")
	}
	checkCredential(wrong, path+".password", "password", in.Password, maxPassword)
	return &credentials.Basic{Username: in.Username, Password: in.Password}
}

// checkCredential says what is wrong with a text that is needed, and never shows it.
func checkCredential(wrong *usererror.List, path, field, value string, most int) {
	if value == "" {
		wrong.Add(usererror.Required, path, "a %s is needed: 1–%d characters", field, most)
		return
	}
	checkCredentialText(wrong, path, field, value, most)
}

func checkCredentialText(wrong *usererror.List, path, field, value string, most int) {
	switch n := utf8.RuneCountInString(value); {
	case n > most:
		wrong.Add(usererror.OutOfRange, path, "the %s has %d characters: at most %d are allowed", field, n, most)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		wrong.Add(usererror.Invalid, path, "the %s has control characters, such as line breaks, or is not UTF-8: remove them", field)
	}
}

// readHMAC makes a secret if none is given, and returns it also as generated.
func (s *Service) readHMAC(wrong *usererror.List, path string, in HMACInput) (h *credentials.HMAC, generated string) {
	h = &credentials.HMAC{Algorithm: credentials.SHA256, Encoding: credentials.EncodingHex, Content: credentials.ContentBody}
	if in.Preset != nil {
		h = hmacPreset(wrong, path, in)
	} else {
		s.setHMACScheme(wrong, path, h, in)
	}
	if in.HeaderName != nil {
		h.HeaderName = *in.HeaderName
	}
	checkHeaderName(wrong, path+".headerName", h.HeaderName, map[string]bool{})
	if in.Secret == nil {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails, by its documentation
		h.Secret = base64.RawURLEncoding.EncodeToString(raw)
		return h, h.Secret
	}
	h.Secret = *in.Secret
	switch n := len(h.Secret); {
	case n < minHMACSecret || n > maxHMACSecret:
		wrong.Add(usererror.OutOfRange, path+".secret", "the secret has %d bytes: it must have %d to %d", n, minHMACSecret, maxHMACSecret)
	case !utf8.ValidString(h.Secret) || strings.ContainsFunc(h.Secret, unicode.IsControl):
		wrong.Add(usererror.Invalid, path+".secret", "the secret has control characters, such as line breaks, or is not UTF-8: remove them")
	}
	return h, ""
}

// setHMACScheme sets the parts of the scheme that are given.
func (s *Service) setHMACScheme(wrong *usererror.List, path string, h *credentials.HMAC, in HMACInput) {
	if in.Algorithm != nil {
		checkOneOf(wrong, path+".algorithm", "algorithm", *in.Algorithm, hmacAlgorithms)
		h.Algorithm = *in.Algorithm
		if h.Algorithm == credentials.SHA1 && !s.Limits.AllowSHA1 {
			wrong.Add(usererror.Invalid, path+".algorithm",
				"algorithm is `SHA1`, which is not allowed here: use SHA256, or let the operator allow it with HOOKLINE_ALLOW_SHA1")
		}
	}
	if in.Encoding != nil {
		checkOneOf(wrong, path+".encoding", "encoding", *in.Encoding, hmacEncodings)
		h.Encoding = *in.Encoding
	}
	if in.SignedContent != nil {
		checkOneOf(wrong, path+".signedContent", "signedContent", *in.SignedContent, hmacContents)
		h.Content = *in.SignedContent
	}
}

// hmacPreset reads a preset, beside which nothing of the scheme but the header's name may be given.
func hmacPreset(wrong *usererror.List, path string, in HMACInput) *credentials.HMAC {
	checkOneOf(wrong, path+".preset", "preset", *in.Preset, hmacPresets)
	for _, part := range []struct {
		field string
		given *string
	}{{"algorithm", in.Algorithm}, {"encoding", in.Encoding}, {"signedContent", in.SignedContent}} {
		if part.given != nil {
			wrong.Add(usererror.Invalid, path+"."+part.field, "the preset sets %s: leave it out, or leave the preset out", part.field)
		}
	}
	h, known := credentials.PresetHMAC(*in.Preset)
	if !known {
		h.HeaderName = "X-Signature" // the preset is what is wrong, and said already
	}
	return &h
}

func (s *Service) readOAuth2(wrong *usererror.List, path string, in OAuth2Input) *credentials.OAuth2 {
	if checkURLText(wrong, path+".tokenUrl", "tokenUrl", "https://login.example.com/token", in.TokenURL) {
		checkGuard(wrong, path+".tokenUrl", s.Guard, in.TokenURL)
	}
	checkOneOf(wrong, path+".grantType", "grantType", in.GrantType, oauth2Grants)
	o := &credentials.OAuth2{TokenURL: in.TokenURL, Grant: in.GrantType}
	of := func(grant string) bool { return in.GrantType == grant }
	for _, f := range []struct {
		name           string
		given          *string
		into           *string
		most           int
		needed, useful bool
	}{
		{"clientId", in.ClientID, &o.ClientID, maxClientID, of(credentials.GrantClientCredentials) || in.ClientSecret != nil, true},
		{"clientSecret", in.ClientSecret, &o.ClientSecret, maxOAuth2Text, of(credentials.GrantClientCredentials), true},
		{"username", in.Username, &o.Username, maxUsername, of(credentials.GrantPassword), of(credentials.GrantPassword)},
		{"password", in.Password, &o.Password, maxPassword, of(credentials.GrantPassword), of(credentials.GrantPassword)},
		{"refreshToken", in.RefreshToken, &o.RefreshToken, maxOAuth2Token, of(credentials.GrantRefreshToken), of(credentials.GrantRefreshToken)},
		{"scope", in.Scope, &o.Scope, maxOAuth2Text, false, true},
		{"resource", in.Resource, &o.Resource, maxOAuth2Text, false, true},
	} {
		at := path + "." + f.name
		switch {
		case f.given == nil && f.needed:
			wrong.Add(usererror.Required, at, "a %s is needed with the grant %s: 1–%d characters", f.name, in.GrantType, f.most)
		case f.given == nil:
		case !f.useful:
			wrong.Add(usererror.Invalid, at, "the grant %s has no use for a %s: leave it out", quote(in.GrantType), f.name)
		default:
			checkCredential(wrong, at, f.name, *f.given, f.most)
			*f.into = *f.given
		}
	}
	o.Headers = readTokenHeaders(wrong, path+".headers", in.Headers)
	return o
}

// readTokenHeaders reads the extra headers of requests for tokens, by the rules of a profile's headers.
func readTokenHeaders(wrong *usererror.List, path string, given []HeaderInput) []credentials.Header {
	if len(given) > maxHeaders {
		wrong.Add(usererror.OutOfRange, path, "there are %d headers: at most %d are allowed", len(given), maxHeaders)
		return nil
	}
	seen := make(map[string]bool, len(given))
	var out []credentials.Header
	for i, h := range given {
		at := path + "." + strconv.Itoa(i)
		checkHeaderName(wrong, at+".name", h.Name, seen)
		checkHeaderValue(wrong, at+".value", h)
		out = append(out, credentials.Header{Name: h.Name, Value: h.Value, Secret: h.Secret})
	}
	return out
}
