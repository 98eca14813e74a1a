// Package credentials is how Hookline shows webhooks who calls, beside the signature that every request has: what an
// auth setting holds, sealed in the database, and what it adds to a request.
package credentials

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/vault"
)

// The types of credentials, as the database and GraphQL have them.
const (
	TypeBasic  = "BASIC"
	TypeHMAC   = "HMAC"
	TypeOAuth2 = "OAUTH2"
)

// Credentials are of one type: exactly one of the fields is set. As JSON they hold their secrets: they are to be sealed.
type Credentials struct {
	Basic  *Basic    `json:"basic,omitempty"`
	HMAC   *HMAC     `json:"hmac,omitempty"`
	OAuth2 *OAuth2   `json:"oauth2,omitempty"`
	SetAt  time.Time `json:"setAt"` // when they were set as they are
}

// Type returns the type, empty if there is none.
func (c *Credentials) Type() string {
	switch {
	case c.Basic != nil:
		return TypeBasic
	case c.HMAC != nil:
		return TypeHMAC
	case c.OAuth2 != nil:
		return TypeOAuth2
	}
	return ""
}

// Format makes every verb of fmt print the type alone.
func (c *Credentials) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credentials["+c.Type()+"]")
}

// Binding is what the credentials of an auth setting are sealed for (see package vault).
func Binding(setting id.ID) string {
	return "auth_settings/" + setting.String() + "/credentials"
}

// Seal encrypts the credentials of a setting.
func Seal(v *vault.Vault, setting id.ID, c *Credentials) ([]byte, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return v.Seal(plain, Binding(setting)), nil
}

// Open decrypts what Seal has made for the same setting.
func Open(v *vault.Vault, setting id.ID, sealed []byte) (*Credentials, error) {
	plain, err := v.Open(sealed, Binding(setting))
	if err != nil {
		return nil, err
	}
	c := new(Credentials)
	if err := json.Unmarshal(plain, c); err != nil || c.Type() == "" {
		// Not the error of JSON, which may quote what it has read.
		return nil, errors.New("credentials are not in a form that this version knows")
	}
	return c, nil
}

// errNoHeader is returned for credentials of which the header depends on more than the request.
var errNoHeader = errors.New("credentials of type OAUTH2 need an access token")

// Header returns the header that they add to a request with this body: its name in canonical form and its value. They
// take the place of a header of the same name. secret says whether the value may not be shown. For OAUTH2 there is an access
// token instead, see package token.
func (c *Credentials) Header(messageID string, at time.Time, body []byte) (name, value string, secret bool, err error) {
	switch {
	case c.Basic != nil:
		return "Authorization", c.Basic.value(), true, nil
	case c.HMAC != nil:
		value, err = c.HMAC.Sign(messageID, at, body)
		return http.CanonicalHeaderKey(c.HMAC.HeaderName), value, false, err
	}
	return "", "", false, errNoHeader
}

// HeaderName returns the name of the header that they add, in canonical form.
func (c *Credentials) HeaderName() string {
	if c.HMAC != nil {
		return http.CanonicalHeaderKey(c.HMAC.HeaderName)
	}
	return "Authorization"
}

// Secrets returns what must not be seen in a log, should an endpoint repeat it.
func (c *Credentials) Secrets() []string {
	switch {
	case c.Basic != nil:
		_, encoded, _ := strings.Cut(c.Basic.value(), " ")
		return []string{c.Basic.Password, encoded}
	case c.HMAC != nil:
		return []string{c.HMAC.Secret}
	case c.OAuth2 != nil:
		return c.OAuth2.secrets()
	}
	return nil
}

// fingerprint is a short name of a secret by which people can tell two apart.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte("hookline auth setting fingerprint\x00" + secret))
	return fmt.Sprintf("%x:%x:%x:%x", sum[0:2], sum[2:4], sum[4:6], sum[6:8])
}
