package credentials

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: for receivers that know nothing better, behind a switch of the operator's
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"time"
)

// HMAC signs requests by a receiver's own convention. Its fields' texts are those of GraphQL.
type HMAC struct {
	Secret     string `json:"secret"` // its bytes are the key
	Algorithm  string `json:"algorithm"`
	HeaderName string `json:"headerName"`
	Encoding   string `json:"encoding"`
	Content    string `json:"content"`
	Preset     string `json:"preset,omitempty"`
}

// The hash functions.
const (
	SHA1   = "SHA1"
	SHA256 = "SHA256"
	SHA384 = "SHA384"
	SHA512 = "SHA512"
)

// How a signature is written.
const (
	EncodingHex    = "HEX"
	EncodingBase64 = "BASE64"
)

// What is signed. The timestamp is in seconds, and the same as in the header webhook-timestamp; the id that of webhook-id.
const (
	ContentBody            = "BODY"
	ContentTimestampBody   = "TIMESTAMP_BODY"    // timestamp.body
	ContentIDTimestampBody = "ID_TIMESTAMP_BODY" // id.timestamp.body
)

// The presets: conventions that many receivers know.
const (
	PresetGitHub = "GITHUB" // X-Hub-Signature-256: sha256=<hex>, over the body
	PresetStripe = "STRIPE" // Stripe-Signature: t=<timestamp>,v1=<hex>, over timestamp.body
)

// PresetHMAC returns a preset without a secret; ok is false if there is none of that name.
func PresetHMAC(name string) (h HMAC, ok bool) {
	switch name {
	case PresetGitHub:
		return HMAC{Preset: name, Algorithm: SHA256, HeaderName: "X-Hub-Signature-256", Encoding: EncodingHex, Content: ContentBody}, true
	case PresetStripe:
		return HMAC{Preset: name, Algorithm: SHA256, HeaderName: "Stripe-Signature", Encoding: EncodingHex, Content: ContentTimestampBody}, true
	}
	return HMAC{}, false
}

var hashes = map[string]func() hash.Hash{SHA1: sha1.New, SHA256: sha256.New, SHA384: sha512.New384, SHA512: sha512.New}

// Sign returns the value of the header for a request.
func (h *HMAC) Sign(messageID string, at time.Time, body []byte) (string, error) {
	newHash, known := hashes[h.Algorithm]
	if !known {
		return "", fmt.Errorf("HMAC with the algorithm %q is not supported", h.Algorithm)
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(newHash, []byte(h.Secret))
	switch h.Content {
	case ContentBody:
	case ContentTimestampBody:
		mac.Write([]byte(timestamp + "."))
	case ContentIDTimestampBody:
		mac.Write([]byte(messageID + "." + timestamp + "."))
	default:
		return "", fmt.Errorf("HMAC over %q is not supported", h.Content)
	}
	mac.Write(body)
	sum := mac.Sum(nil)
	var written string
	switch h.Encoding {
	case EncodingHex:
		written = hex.EncodeToString(sum)
	case EncodingBase64:
		written = base64.StdEncoding.EncodeToString(sum)
	default:
		return "", fmt.Errorf("HMAC written as %q is not supported", h.Encoding)
	}
	switch h.Preset {
	case "":
		return written, nil
	case PresetGitHub:
		return "sha256=" + written, nil
	case PresetStripe:
		return "t=" + timestamp + ",v1=" + written, nil
	}
	return "", fmt.Errorf("HMAC by the convention %q is not supported", h.Preset)
}

// Fingerprint returns a short name of the secret by which people can tell two apart.
func (h *HMAC) Fingerprint() string { return fingerprint(h.Secret) }
