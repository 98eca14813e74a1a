package outcome_test

import (
	"testing"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/outcome"
	"github.com/hookline/hookline/internal/stream"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for kind, want := range map[egress.Kind]stream.Outcome{
		egress.KindTimeout: stream.OutcomeTimeout, egress.KindDNS: stream.OutcomeDNS, egress.KindConnect: stream.OutcomeConnect,
		egress.KindTLS: stream.OutcomeTLS, egress.KindBlocked: stream.OutcomeBlocked, egress.KindCancelled: stream.OutcomeInterrupted,
		egress.KindProtocol: stream.OutcomeConnect,
	} {
		if got := outcome.Of(kind); got != want {
			t.Errorf("%s is shown as %s, want %s", kind, got, want)
		}
	}
}
