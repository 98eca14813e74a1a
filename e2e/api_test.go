package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"
)

// fields are a JSON object.
type fields = map[string]any

// api is a client of a server.
type api struct {
	t        *testing.T
	url, key string
	http     *http.Client
}

func (p *process) api() *api {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}
	p.t.Cleanup(client.CloseIdleConnections)
	return &api{t: p.t, url: p.url, key: adminKey, http: client}
}

// post posts a body and returns the answer's.
func (a *api) post(ctx context.Context, path, contentType string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, "POST", a.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.key)
	request.Header.Set("Content-Type", contentType)
	response, err := a.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// get returns the status and body of an answer that needs no key.
func (a *api) get(path string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(a.t.Context(), "GET", a.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := a.http.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// query executes a GraphQL operation and reads its data.
func (a *api) query(document string, variables fields, data any) error {
	body, err := json.Marshal(fields{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	status, answer, err := a.post(a.t.Context(), "/graphql", "application/json", body)
	if err != nil {
		return err
	}
	var response struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return fmt.Errorf("status %d: %w: %.200s", status, err, answer)
	}
	if len(response.Errors) > 0 {
		return fmt.Errorf("status %d: %s", status, response.Errors[0].Message)
	}
	return json.Unmarshal(response.Data, data)
}

// must executes an operation that must not fail.
func (a *api) must(document string, variables fields, data any) {
	a.t.Helper()
	if err := a.query(document, variables, data); err != nil {
		a.t.Fatal(err)
	}
}

// userErrors are what is wrong with an input.
type userErrors []struct{ Code, Message string }

func (wrong userErrors) mustBeNone(t *testing.T) {
	t.Helper()
	if len(wrong) > 0 {
		t.Fatalf("refused: %+v", wrong)
	}
}

// subscribe creates a subscription to all events, unless input says otherwise, with a profile that sends to the URL. It returns the
// signing secret.
func (a *api) subscribe(key, url string, input, profile fields) (secret string) {
	a.t.Helper()
	create := fields{"key": key, "webhookUrl": url}
	maps.Copy(create, profile)
	subscription := fields{"key": key, "name": key, "profile": fields{"create": create}}
	maps.Copy(subscription, input)
	if subscription["eventTypes"] == nil && subscription["category"] == nil {
		subscription["eventTypes"] = []string{"*"}
	}
	var data struct {
		CreateEventSubscription struct {
			CreatedSecret string
			UserErrors    userErrors
		}
	}
	a.must(`mutation ($input: CreateEventSubscriptionInput!) {
		createEventSubscription(input: $input) { createdSecret userErrors { code message } }
	}`, fields{"input": subscription}, &data)
	data.CreateEventSubscription.UserErrors.mustBeNone(a.t)
	return data.CreateEventSubscription.CreatedSecret
}

// redirect changes the URL of a profile.
func (a *api) redirect(profile, url string) {
	a.t.Helper()
	var data struct {
		UpdateNotificationProfile struct{ UserErrors userErrors }
	}
	a.must(`mutation ($key: Key!, $url: URL!) {
		updateNotificationProfile(by: {key: $key}, input: {webhookUrl: $url}) { userErrors { code message } }
	}`, fields{"key": profile, "url": url}, &data)
	data.UpdateNotificationProfile.UserErrors.mustBeNone(a.t)
}

// published is what became of an event.
type published struct {
	ID      string
	Matched int
	Error   *struct{ Message string }
}

// errRefused says that the answer was not 202.
var errRefused = errors.New("not accepted")

// publish publishes events over HTTP. When it returns no error, all have been accepted.
func (a *api) publish(ctx context.Context, contentType string, body []byte) ([]published, error) {
	status, answer, err := a.post(ctx, "/v1/events", contentType, body)
	if err != nil {
		return nil, err
	}
	if status != http.StatusAccepted {
		return nil, fmt.Errorf("%w: status %d: %.200s", errRefused, status, answer)
	}
	var data struct{ Results []published }
	if err := json.Unmarshal(answer, &data); err != nil {
		return nil, err
	}
	for _, result := range data.Results {
		if result.Error != nil {
			return nil, fmt.Errorf("%w: %s", errRefused, result.Error.Message)
		}
	}
	return data.Results, nil
}

// publishBatch publishes n events at once and returns their ids.
func (a *api) publishBatch(n int) []string {
	a.t.Helper()
	events := make([]fields, n)
	for i := range events {
		events[i] = fields{"type": "sms.delivery", "payload": fields{"n": i}}
	}
	body, err := json.Marshal(events)
	if err != nil {
		a.t.Fatal(err)
	}
	results, err := a.publish(a.t.Context(), "application/json", body)
	if err != nil {
		a.t.Fatal(err)
	}
	ids := make([]string, n)
	for i, result := range results {
		ids[i] = result.ID
	}
	return ids
}
