// Package outcome says how a request that got no whole answer is shown: as which outcome of an attempt.
package outcome

import (
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/stream"
)

// Of returns the outcome of a request that failed in this way.
func Of(kind egress.Kind) stream.Outcome {
	switch kind {
	case egress.KindTimeout:
		return stream.OutcomeTimeout
	case egress.KindDNS:
		return stream.OutcomeDNS
	case egress.KindTLS:
		return stream.OutcomeTLS
	case egress.KindBlocked:
		return stream.OutcomeBlocked
	case egress.KindCancelled:
		return stream.OutcomeInterrupted
	default: // KindConnect, KindProtocol
		return stream.OutcomeConnect
	}
}
