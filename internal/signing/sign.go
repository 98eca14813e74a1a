package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"time"
)

// The headers, in the form in which http.Header keeps them.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// signatureLength is that of a signature as text.
const signatureLength = len("v1,") + (sha256.Size+2)/3*4

// Sign returns the value of the webhook-signature header of a notification: for each secret, in order, a signature
// over its id, the time in whole seconds (the value of webhook-timestamp) and its body, separated by spaces. There is
// more than one secret while an old one stays valid. Sign panics on a zero Secret.
func Sign(id string, at time.Time, body []byte, secrets ...Secret) string {
	var value strings.Builder
	value.Grow(len(secrets) * (signatureLength + 1))
	for i, s := range secrets {
		if i > 0 {
			value.WriteByte(' ')
		}
		signer := s.key.signer()
		value.Write(signer.sign(id, at.Unix(), body))
		s.key.signers.Put(signer)
	}
	return value.String()
}

// signer makes signatures with one key, one at a time. Keeping it saves two of the hash's blocks, and all allocations,
// from the second signature on.
type signer struct {
	mac     hash.Hash
	scratch []byte
}

func (k *key) signer() *signer {
	if s, ok := k.signers.Get().(*signer); ok {
		s.mac.Reset()
		return s
	}
	return &signer{mac: hmac.New(sha256.New, k.bytes())}
}

// sign returns one signature as text, which is valid until the next call.
func (s *signer) sign(id string, unix int64, body []byte) []byte {
	head := append(s.scratch[:0], id...)
	head = append(head, '.')
	head = strconv.AppendInt(head, unix, 10)
	head = append(head, '.')
	s.mac.Write(head)
	s.mac.Write(body)
	raw := s.mac.Sum(head[:0])
	text := append(raw, "v1,"...)
	text = base64.StdEncoding.AppendEncode(text, raw)
	s.scratch = text
	return text[len(raw):]
}
