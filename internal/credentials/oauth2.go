package credentials

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// The OAuth 2.0 grants with which a token can be asked for (RFC 6749).
const (
	GrantClientCredentials = "CLIENT_CREDENTIALS" //nolint:gosec // G101: the name of a grant (4.4), not a credential
	GrantPassword          = "PASSWORD"           // 4.3
	GrantRefreshToken      = "REFRESH_TOKEN"      // 6
)

// OAuth2 is how an access token is asked for. What a grant has no use for is empty.
type OAuth2 struct {
	TokenURL     string   `json:"tokenUrl"`
	Grant        string   `json:"grant"`
	ClientID     string   `json:"clientId,omitempty"`
	ClientSecret string   `json:"clientSecret,omitempty"`
	Username     string   `json:"username,omitempty"`
	Password     string   `json:"password,omitempty"`
	RefreshToken string   `json:"refreshToken,omitempty"`
	Scope        string   `json:"scope,omitempty"`
	Resource     string   `json:"resource,omitempty"`
	Headers      []Header `json:"headers,omitempty"`
	// Issued is what the refresh token was last used up for. All workers use the same one: with many servers it is good only until
	// the next is asked for.
	Issued *Issued `json:"issued,omitempty"`
}

// Issued is an access token.
type Issued struct {
	Token   string    `json:"token"`
	Scheme  string    `json:"scheme"` // before the token in the header Authorization
	From    time.Time `json:"from"`
	Usable  time.Time `json:"usable"`  // until then
	Expires time.Time `json:"expires"` // zero if the server does not say
}

// Header is a header of the requests to the token URL.
type Header struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"`
}

func (o *OAuth2) secrets() []string {
	all := []string{o.ClientSecret, o.Password, o.RefreshToken}
	if o.ClientSecret != "" { // as the header Authorization has it (RFC 6749, 2.3.1)
		all = append(all, base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(o.ClientID)+":"+url.QueryEscape(o.ClientSecret))))
	}
	if o.Issued != nil {
		all = append(all, o.Issued.Token)
	}
	if u, err := url.Parse(o.TokenURL); err == nil {
		all = append(all, u.RawQuery)
	}
	for _, h := range o.Headers {
		if h.Secret || strings.EqualFold(h.Name, "Authorization") {
			_, afterScheme, _ := strings.Cut(h.Value, " ")
			all = append(all, h.Value, afterScheme)
		}
	}
	return all
}
