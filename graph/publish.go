package graph

import (
	"context"
	"strconv"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// publish publishes events for the account of the context.
func (r *Resolver) publish(ctx context.Context, given []*accept.Event) (*PublishEventsPayload, error) {
	if len(given) < 1 || len(given) > accept.MaxEvents {
		wrong := usererror.New(usererror.OutOfRange, "events",
			"%d events are given; the limits are 1 and %d", len(given), accept.MaxEvents)
		return &PublishEventsPayload{UserErrors: usererror.List{wrong}}, nil
	}
	account, err := own(ctx)
	if err != nil {
		return nil, err
	}
	events := make([]accept.Event, len(given))
	for i, e := range given {
		events[i] = *e
	}
	published, err := r.Accepter.Publish(ctx, account, events)
	if err != nil {
		return nil, err
	}
	payload := &PublishEventsPayload{Results: make([]*PublishResult, len(published))}
	for i, result := range published {
		payload.Results[i] = publishResult(i, result)
	}
	return payload, nil
}

// webhookOf shows what an event says about its own delivery; nil for nothing.
func webhookOf(w *types.Webhook) *PerMessageWebhook {
	if w == nil {
		return nil
	}
	shown := &PerMessageWebhook{
		NotifyURL: orNull(w.NotifyURL), Notify: !w.Silent, CallbackData: orNull(w.CallbackData),
		ContentType: accept.ContentJSON, IntermediateReports: w.IntermediateReports,
	}
	if w.XML {
		shown.ContentType = accept.ContentXML
	}
	return shown
}

// publishResult shows what became of the event at place i.
func publishResult(i int, result accept.Result) *PublishResult {
	shown := &PublishResult{Duplicate: result.Duplicate, Matched: result.Matched}
	if len(result.Errors) == 0 {
		text := id.Format(id.Event, result.ID)
		shown.ID = &text
	}
	for _, mistake := range result.Errors {
		within := *mistake
		within.Path = append([]string{"events", strconv.Itoa(i)}, mistake.Path...)
		shown.UserErrors = append(shown.UserErrors, &within)
	}
	return shown
}
