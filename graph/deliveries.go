package graph

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/usererror"
)

// intervention is something that people do to a delivery.
type intervention struct {
	name string
	// check says why it should not be done, though it could be; nil checks nothing.
	check func(context.Context, id.ID) (why string, err error)
	do    func(context.Context, id.ID) (done bool, err error)
	// refusal says why it cannot be done to a delivery in such a state, and what can.
	refusal map[stream.Status]string
}

func (r *Resolver) retryNow() intervention {
	return intervention{name: "retried now", check: r.wouldBeCancelled, do: r.Configure.Store.RetryNow, refusal: map[stream.Status]string{
		stream.StatusQueued:    "an attempt of it is being made or will be in a moment, wait for its result",
		stream.StatusSucceeded: "the endpoint took it, and nothing is left to retry",
		stream.StatusExhausted: "its retries ran out, publish the event again when the endpoint works",
		stream.StatusCancelled: "it was called off, publish the event again to have it sent",
		stream.StatusSkipped:   "its subscription was disabled when the event came, so that it is never sent; publish the event again",
		stream.StatusParked:    "its subscription is disabled, enable that to have it sent",
	}}
}

func (r *Resolver) cancel() intervention {
	return intervention{name: "cancelled", do: r.Configure.Store.Cancel, refusal: map[stream.Status]string{
		stream.StatusSucceeded: "the endpoint took it, and nothing is left to cancel",
		stream.StatusExhausted: "its retries ran out, and nothing is left to cancel",
		stream.StatusCancelled: "it was called off before, and nothing is left to cancel",
		stream.StatusSkipped:   "it is never sent, and nothing is left to cancel",
	}}
}

// wouldBeCancelled says why an attempt that is due now would only end the delivery.
func (r *Resolver) wouldBeCancelled(ctx context.Context, key id.ID) (why string, err error) {
	row, err := r.delivery(ctx, key)
	if err != nil || row == nil || row.Status != string(stream.StatusRetrying) {
		return "", err
	}
	off, err := r.Ent.EventSubscription.Query().Where(eventsubscription.ID(row.SubscriptionID), eventsubscription.Enabled(false)).Exist(ctx)
	if off {
		why = "its subscription is disabled; enable that first"
	}
	return why, err
}

// intervene does something to the delivery whose id text shows, and answers the mutation that asked for it.
func (r *Resolver) intervene(ctx context.Context, text string, in intervention) (*DeliveryPayload, error) {
	refuse := func(code usererror.Code, format string, args ...any) (*DeliveryPayload, error) {
		return &DeliveryPayload{UserErrors: usererror.List{usererror.New(code, "id", format, args...)}}, nil
	}
	key, err := id.ParseAs(id.Delivery, text)
	if err != nil {
		return refuse(usererror.NotFound, "there is no delivery with the id %.60q", text)
	}
	if in.check != nil {
		why, err := in.check(ctx, key)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return refuse(usererror.Invalid, "the delivery cannot be %s: %s", in.name, why)
		}
	}
	done, err := in.do(ctx, key)
	if err != nil {
		return nil, err
	}
	row, err := r.delivery(ctx, key)
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return refuse(usererror.NotFound, "there is no delivery with the id %.60q, or it has had no attempt yet", text)
	case !done:
		why, found := in.refusal[stream.Status(row.Status)]
		if !found {
			why = "it has changed at this moment, try again"
		}
		return refuse(usererror.Invalid, "a delivery that is %s cannot be %s: %s", row.Status, in.name, why)
	}
	logIntervention(ctx, row, in.name)
	return &DeliveryPayload{Delivery: row}, nil
}

// delivery returns nil if the account has none of that id.
func (r *Resolver) delivery(ctx context.Context, key id.ID) (*ent.Delivery, error) {
	return orMissing(r.Ent.Delivery.Query().Where(delivery.ID(key)).Only(ctx))
}

// logIntervention notes what somebody did. It is not in the audit log, which is of the configuration.
func logIntervention(ctx context.Context, row *ent.Delivery, what string) {
	attributes := []any{
		"what", what, "delivery", id.Format(id.Delivery, row.ID), "account", id.Format(id.Account, row.AccountID), "requestId", access.RequestID(ctx),
	}
	if p := access.PrincipalFrom(ctx); p != nil {
		attributes = append(attributes, "key", fmt.Sprint(p.KeyName))
	}
	slog.InfoContext(ctx, "delivery changed by a request", attributes...)
}
