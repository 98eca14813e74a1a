package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/mask"
)

// ask asks the server for a token, by whichever grant. refreshToken is the one to use the next time, if there is any.
func (s *Source) ask(ctx context.Context, c *credentials.Credentials) (_ *Token, refreshToken string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	o, began := c.OAuth2, s.now()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     &transport{client: s.client, headers: o.Headers},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	config := request(o)
	got, err := config.Token(ctx)
	if err != nil {
		return nil, "", err
	}
	t := tokenOf(&credentials.Issued{Token: got.AccessToken, Scheme: got.Type(), From: began})
	if !httpguts.ValidHeaderFieldValue(t.Header()) {
		return nil, "", errors.New("the access token holds characters that no header can have")
	}
	life := standardLife
	if !got.Expiry.IsZero() {
		life = time.Until(got.Expiry) // the library counts from its own clock
		t.Expires = began.Add(life).UTC().Truncate(time.Second)
	}
	t.Usable = began.Add(life - min(earliest, life/10))
	return t, got.RefreshToken, nil
}

// request is the token request of a grant. The library's client credentials take the parameters of the others, too.
func request(o *credentials.OAuth2) clientcredentials.Config {
	config := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, EndpointParams: url.Values{}}
	set := func(name, value string) {
		if value != "" {
			config.EndpointParams.Set(name, value)
		}
	}
	switch o.Grant {
	case credentials.GrantPassword:
		set("grant_type", "password")
		set("username", o.Username)
		set("password", o.Password)
	case credentials.GrantRefreshToken:
		set("grant_type", "refresh_token")
		set("refresh_token", o.RefreshToken)
	}
	set("resource", o.Resource)
	if o.Scope != "" {
		config.Scopes = strings.Fields(o.Scope)
	}
	if o.ClientSecret == "" {
		config.AuthStyle = oauth2.AuthStyleInParams // a public client, or none: nothing for the header Authorization
	}
	return config
}

// transport sends the library's requests through the guarded client.
type transport struct {
	client  *egress.Client
	headers []credentials.Header
}

// RoundTrip sends a request for a token.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body) // of a few parameters, in memory
	if err != nil {
		return nil, err
	}
	header := r.Header.Clone()
	header.Set("Accept", "application/json")
	for _, h := range t.headers {
		header.Set(h.Name, h.Value)
	}
	resp := t.client.Do(r.Context(), egress.Request{
		Method: r.Method, URL: r.URL.String(), Header: header, Body: body,
		ConnectTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, TotalTimeout: fetchTimeout,
	})
	if resp.Err != nil {
		return nil, resp.Err
	}
	return &http.Response{
		StatusCode: resp.StatusCode, Status: fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)), Header: resp.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(bytes.NewReader(resp.Body)), ContentLength: int64(len(resp.Body)), Request: r,
	}, nil
}

// maxDescription bounds what is shown of a server's own description of an error, in bytes.
const maxDescription = 300

// failureOf says why a token could not be had, without what must not be seen: the library's errors quote answers and URLs.
func failureOf(err error, secrets *strings.Replacer) *Error {
	const settings = "Check the auth setting's credentials and token URL: no notification is sent without an access token."
	var known *Error
	var network *egress.Error
	var answered *oauth2.RetrieveError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &network):
		network = &egress.Error{Kind: network.Kind, Err: mask.Error(network.Err, secrets)} // it may quote what the server sent
		return &Error{text: "no access token: the token server could not be reached: " + network.Error(), hint: network.Hint(), err: network}
	case errors.As(err, &answered):
		text := "no access token: the token server answered"
		if answered.Response != nil {
			text = fmt.Sprintf("%s %d", text, answered.Response.StatusCode)
		}
		for _, part := range []string{answered.ErrorCode, answered.ErrorDescription} {
			if part = printable(part, secrets); part != "" {
				text += ": " + part
			}
		}
		return &Error{text: text, hint: settings}
	}
	return &Error{text: "no access token: the token server's answer holds none that can be used", hint: settings}
}

// printable makes a server's text fit to show.
func printable(text string, secrets *strings.Replacer) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	if secrets != nil {
		text = secrets.Replace(text)
	}
	if len(text) > maxDescription {
		text = strings.ToValidUTF8(text[:maxDescription], "") + "…"
	}
	return strings.TrimSpace(text)
}
