package accept

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/usererror"
)

// Webhook is what an event says about its own delivery (a per-message webhook).
type Webhook struct {
	// NotifyURL alone gets the event; nil leaves it to routes and subscriptions.
	NotifyURL *string
	// Notify is false for an event that nobody gets.
	Notify bool
	// CallbackData is carried in the notification.
	CallbackData string
	// ContentType is how the event is written for NotifyURL: ContentJSON or ContentXML.
	ContentType string
	// IntermediateReports lets NotifyURL get intermediate status reports.
	IntermediateReports bool
}

// The content types of per-message webhooks.
const (
	ContentJSON = "JSON"
	ContentXML  = "XML"
)

// NewWebhook returns a Webhook that says nothing yet: the event is notified of, as JSON.
func NewWebhook() *Webhook { return &Webhook{Notify: true, ContentType: ContentJSON} }

// maxCallbackData is the longest callbackData, in characters.
const maxCallbackData = 4000

// validate says what is wrong with it. No message shows the URL, which may hold secrets.
func (w *Webhook) validate(wrong *usererror.List, guard addrguard.Policy) {
	if w.NotifyURL != nil {
		checkURL(wrong, "webhook.notifyUrl", *w.NotifyURL, guard)
	}
	if n := utf8.RuneCountInString(w.CallbackData); n > maxCallbackData {
		wrong.Add(usererror.OutOfRange, "webhook.callbackData", "has %d characters; the limit is %d", n, maxCallbackData)
	} else if !storable(w.CallbackData) {
		wrong.Add(usererror.Invalid, "webhook.callbackData", "must be UTF-8 without NUL characters")
	}
	if w.ContentType != ContentJSON && w.ContentType != ContentXML {
		wrong.Add(usererror.Invalid, "webhook.contentType", "%.64q is no content type; there are %s and %s", w.ContentType, ContentJSON, ContentXML)
	}
}

func checkURL(wrong *usererror.List, path, url string, guard addrguard.Policy) {
	if len(url) > addrguard.MaxURLLength {
		wrong.Add(usererror.OutOfRange, path, "has %d bytes; the limit is %d", len(url), addrguard.MaxURLLength)
		return
	}
	err := guard.CheckURL(url)
	if err == nil {
		return
	}
	code := usererror.Invalid
	if refused, ok := errors.AsType[*addrguard.URLError](err); ok && refused.Code == addrguard.Blocked {
		code = usererror.BlockedAddress
	}
	wrong.Add(code, path, "%v", err)
}

// stored returns what is kept of it with the event; nil for none.
func (w *Webhook) stored() *types.Webhook {
	if w == nil {
		return nil
	}
	kept := &types.Webhook{
		Silent: !w.Notify, CallbackData: w.CallbackData, XML: w.ContentType == ContentXML, IntermediateReports: w.IntermediateReports,
	}
	if w.NotifyURL != nil {
		kept.NotifyURL = *w.NotifyURL
	}
	return kept
}

// decided returns the targets of an event that decides on them itself: its account, which stands for the webhook's own URL, or
// none. It reports false for one that leaves it to routes and subscriptions.
func (e *Event) decided(account id.ID) (targets []byte, is bool) {
	switch w := e.Webhook; {
	case w == nil || w.Notify && w.NotifyURL == nil:
		return nil, false
	case w.Notify && (w.IntermediateReports || !e.Intermediate):
		return account[:], true
	default:
		return []byte{}, true
	}
}

// ensureSecret makes the account's secret, which signs what goes to the events' own URLs, if it is the first time that it is needed.
func (a *Accepter) ensureSecret(ctx context.Context, account id.ID, events []*store.NewEvent) error {
	direct := func(e *store.NewEvent) bool { return e.Webhook != nil && bytes.Equal(e.Targets, account[:]) }
	if !slices.ContainsFunc(events, direct) {
		return nil
	}
	if _, has := a.registry.AccountSecret(account); has {
		return nil
	}
	if err := a.makeSecret(access.WithAccount(ctx, account)); err != nil {
		a.log.ErrorContext(ctx, "events not published, as their account's secret cannot be made", "account", id.Format(id.Account, account), "error", err)
		return ErrUnavailable
	}
	return nil
}
