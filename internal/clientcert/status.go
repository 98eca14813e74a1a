package clientcert

import "time"

// Status is the state of a certificate at a time. Its text is the GraphQL enum value.
type Status string

// All statuses, the one that wins where several apply first; graph/schema/certificates.graphqls says what they mean.
const (
	Rejected Status = "REJECTED"
	Expired  Status = "EXPIRED"
	Pending  Status = "PENDING"
	Expiring Status = "EXPIRING"
	Active   Status = "ACTIVE"
)

const (
	// ExpiringWithin is how long before its end a certificate is Expiring.
	ExpiringWithin = 30 * 24 * time.Hour
	// PendingFor is how long after its upload a certificate is Pending: by then every worker that reaches the database has
	// read the change, as they do so four times a second.
	PendingFor = time.Second
)

// StatusAt returns the status at a time of a certificate that can be used, of which it is known when it was uploaded and
// until when it holds.
func StatusAt(now, uploaded, notAfter time.Time) Status {
	switch {
	case !now.Before(notAfter):
		return Expired
	case now.Before(uploaded.Add(PendingFor)):
		return Pending
	case !now.Before(notAfter.Add(-ExpiringWithin)):
		return Expiring
	}
	return Active
}
