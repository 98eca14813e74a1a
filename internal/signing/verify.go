package signing

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far the specification's own libraries let a notification's time be from now.
const Tolerance = 5 * time.Minute

// What Verify finds wrong.
var (
	ErrHeaders   = errors.New("a webhook header is missing or malformed")
	ErrTooOld    = errors.New("the webhook-timestamp is too old")
	ErrTooNew    = errors.New("the webhook-timestamp is in the future")
	ErrSignature = errors.New("no signature in webhook-signature fits")
)

// Verify checks a notification as its receiver would: nil if one of its signatures was made with secret, and its time
// is at most tolerance away from now. Its errors wrap one of those above. It panics on a zero Secret.
func Verify(secret Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if header.Get(name) == "" {
			return fmt.Errorf("%w: there is no %s", ErrHeaders, strings.ToLower(name))
		}
	}
	timestamp := header.Get(HeaderTimestamp)
	const year9999 = 253402300799 // keeps the arithmetic below from overflowing
	unix, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || unix < 0 || unix > year9999 {
		return fmt.Errorf("%w: webhook-timestamp %.32q is not a number of seconds since 1970", ErrHeaders, timestamp)
	}
	switch age := now.Sub(time.Unix(unix, 0)); {
	case age > tolerance:
		return fmt.Errorf("%w: by %v, allowed is %v", ErrTooOld, age, tolerance)
	case age < -tolerance:
		return fmt.Errorf("%w: by %v, allowed is %v", ErrTooNew, -age, tolerance)
	}
	signer := secret.key.signer()
	defer secret.key.signers.Put(signer)
	want := signer.sign(header.Get(HeaderID), unix, body)
	for signature := range strings.SplitSeq(header.Get(HeaderSignature), " ") {
		if hmac.Equal([]byte(signature), want) {
			return nil
		}
	}
	return ErrSignature
}
