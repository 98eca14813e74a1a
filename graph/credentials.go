package graph

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/credentials"
)

// shownCredentials returns what may be seen of a setting's credentials: no secret.
func shownCredentials(setting *ent.AuthSetting, c *credentials.Credentials) Credentials {
	switch {
	case c.Basic != nil:
		return &BasicCredentials{Username: c.Basic.Username, PasswordSetAt: c.SetAt}
	case c.HMAC != nil:
		h := c.HMAC
		return &HmacCredentials{
			Algorithm: h.Algorithm, HeaderName: h.HeaderName, Encoding: h.Encoding, SignedContent: h.Content,
			Preset: orNull(h.Preset), SecretFingerprint: h.Fingerprint(), SecretSetAt: c.SetAt,
		}
	}
	o := c.OAuth2 // there is no other type
	shown := &OAuth2Credentials{
		TokenURL: o.TokenURL, GrantType: o.Grant, ClientID: orNull(o.ClientID),
		Scope: orNull(o.Scope), Resource: orNull(o.Resource), Headers: make([]*Header, len(o.Headers)), SecretsSetAt: c.SetAt, TokenExpiresAt: setting.TokenExpiresAt,
	}
	for i, h := range o.Headers {
		shown.Headers[i] = &Header{Name: h.Name, Secret: h.Secret}
		if !h.Secret {
			shown.Headers[i].Value = &h.Value
		}
	}
	return shown
}

// authSettingPayload answers a creation or a change.
func authSettingPayload(changed *configure.ChangedAuthSetting, err error) (*AuthSettingPayload, error) {
	wrong, err := mistakes(err)
	if changed == nil {
		return &AuthSettingPayload{UserErrors: wrong}, err
	}
	return &AuthSettingPayload{AuthSetting: changed.AuthSetting, CreatedSecret: orNull(changed.Secret)}, err
}
