package server_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

// counted opens the backend's database anew, to count the statements of reads.
func counted(t *testing.T, b testenv.Backend, n *atomic.Int64) *ent.Client {
	t.Helper()
	name, driver, source := dialect.Postgres, "pgx", b.DatabaseURL
	if path, embedded := strings.CutPrefix(b.DatabaseURL, "sqlite://"); embedded {
		name, driver, source = dialect.SQLite, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_time_format=sqlite"
	}
	db := must(sql.Open(driver, source))
	count := func(context.Context, ...any) { n.Add(1) }
	client := ent.NewClient(ent.Driver(dialect.DebugWithContext(entsql.OpenDB(name, db), count)))
	t.Cleanup(func() { _ = client.Close() }) // a test may have closed it
	return client
}

// grow makes n more of everything that an account has, each with what the others have of their own.
func (w *world) grow(ctx context.Context, key string, n int) {
	w.t.Helper()
	db := w.store.Ent
	for i := range n {
		name := fmt.Sprintf("%d-%d", n, i)
		subscribe := func(key, category string) *ent.EventSubscription {
			profile := configure.ProfileInput(key, "https://203.0.113.7/"+key)
			return must(w.configure.CreateEventSubscription(ctx, configure.CreateEventSubscriptionInput{
				Key: key, Name: key, Category: &category, Enabled: true, Filter: &configure.EventFilterInput{Users: []string{key}},
				Profile: configure.ProfileChoice{Create: &profile},
			})).EventSubscription
		}
		s, other := subscribe("s"+name, "sms"), subscribe("o"+name, "email")
		must(s.Update().SetProfileID(other.ProfileID).Save(ctx))
		auth := must(w.configure.CreateAuthSetting(ctx, configure.CreateAuthSettingInput{
			Key: name, Credentials: configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "p"}},
		}))
		of := db.Certificate.Query().FirstX(ctx)
		certificate := db.Certificate.Create().SetAccountID(s.AccountID).SetKey(name).SetName(name).SetChain(of.Chain).SetPrivateKey(of.PrivateKey).
			SetFingerprint(of.Fingerprint).SetNotBefore(of.NotBefore).SetNotAfter(of.NotAfter).SaveX(ctx)
		for _, profile := range []id.ID{s.ProfileID, other.ProfileID} {
			db.NotificationProfile.UpdateOneID(profile).SetAuthSettingID(auth.ID).SetCertificateID(certificate.ID).ExecX(ctx)
		}
		must(w.configure.SetResourceRoute(ctx, name, configure.Forward, &configure.Ref{Key: &s.Key}))
		w.key(ctx, access.LogRead)
		event := parse(w.t, w.publish(key, `{"type":"sms.delivery","payload":1}`))
		check(w.t, w.store.NoteHealth(ctx, map[id.ID]health.Record{s.ID: health.Failed(time.Now()), other.ID: health.Succeeded(time.Now())}))
		w.archive(
			result(s.AccountID, event, s.ID, 1, stream.StatusRetrying), result(s.AccountID, event, s.ID, 2, stream.StatusSucceeded),
			result(s.AccountID, event, other.ID, 1, stream.StatusExhausted),
		)
	}
}

// wholeOf selects all of a type that needs no arguments, some levels deep.
func wholeOf(schema *ast.Schema, kind *ast.Type, depth int) string {
	definition := schema.Types[kind.Name()]
	if !definition.IsCompositeType() {
		return ""
	}
	selected := []string{"__typename"}
	for _, field := range fieldsOf(definition) {
		if schema.Types[field.Type.Name()].IsCompositeType() && depth == 0 || field.Name == "edges" {
			continue
		}
		arguments := ""
		if field.Arguments.ForName("first") != nil {
			arguments = "(first: 2)"
		}
		selected = append(selected, field.Name+arguments+wholeOf(schema, field.Type, depth-1))
	}
	return " {" + strings.Join(selected, " ") + "}"
}

// listOperations are operations on every list: for each field of its members one that selects all of that field, with what
// hangs on it some levels deep.
func listOperations(schema *ast.Schema, depth int) (documents []string) {
	for _, list := range fieldsOf(schema.Query) {
		member, isConnection := strings.CutSuffix(list.Type.Name(), "Connection")
		if list.Name == "accounts" || !isConnection && list.Type.Elem == nil ||
			slices.ContainsFunc(list.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
			continue
		}
		for _, field := range fieldsOf(schema.Types[member]) {
			arguments := ""
			if field.Arguments.ForName("first") != nil {
				arguments = "(first: 2)"
			}
			of := field.Name + arguments + wholeOf(schema, field.Type, depth)
			if isConnection {
				documents = append(documents, fmt.Sprintf("{%s(first: 100) {nodes {%s} pageInfo {hasNextPage}}}", list.Name, of))
			} else {
				documents = append(documents, fmt.Sprintf("{%s {%s}}", list.Name, of))
			}
		}
	}
	return documents
}

// TestStatements: how many statements an operation takes does not grow with the lengths of its lists.
func TestStatements(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		var statements atomic.Int64
		w := start(t, b, func(c *server.Config) {
			c.Ent = counted(t, b, &statements)
			c.Gather = 20 * time.Millisecond // so that a busy machine gathers, too
		})
		ctx, key := w.customer("acme")
		must(w.configure.UploadCertificate(ctx, configure.UploadCertificateInput{Key: "first", PEM: new(testenv.NewAuthority(t, "a").PEM(t, "a", time.Now().Add(time.Hour)))}))
		operations := map[string]int64{ // and how many statements each takes: one for each kind of object on each level
			`{eventSubscriptions(first: 100) {nodes {category {name} profile {subscriptions(first: 2) {nodes {key} totalCount}}} totalCount}}`:                    5,
			`{authSettings(first: 100) {nodes {profiles(last: 2) {nodes {auth {key} subscriptions {totalCount}} totalCount}} totalCount}}`:                        6,
			`{events(first: 100) {nodes {payload {text} deliveries {subscription {key profile {key}} attempts {response {body {text}} request {body {text}}}}}}}`: 8,
			`{deliveries(first: 100) {edges {node {event {type} subscription {profile {key}} attempts {number}}}}}`:                                               5,
			`{deliveryAttempts(first: 100) {nodes {delivery {event {entity}} subscription {category {key}} request {body {text}} response {headers {name}}}}}`:    6,
			`{certificates(first: 100) {nodes {profiles(first: 2) {nodes {key} totalCount}} totalCount}}`:                                                         6,
			`{categories {eventTypes {category {key}}}}`: 3,
			`{eventSubscriptions(first: 100, filter: {health: [IDLE, DEGRADED, HEALTHY]}) {nodes {health {state failedAttempts}} totalCount}}`: 3,
			`{apiKeys {nodes {id}} viewer {account {key}}}`: 2,
		}
		w.grow(ctx, key, 2)
		measure := func(document string) int64 {
			before := statements.Load()
			if a := w.query(key, document, nil); len(a.Errors) > 0 {
				t.Fatalf("%s: %+v", document, a.Errors)
			}
			return statements.Load() - before
		}
		few := map[string]int64{}
		for document := range operations {
			few[document] = measure(document)
		}
		shallow := listOperations(schema, 1)
		for i, document := range listOperations(schema, 2) {
			if w.query(key, document, nil).code() == "COMPLEXITY_LIMIT_EXCEEDED" {
				document = shallow[i]
			}
			few[document] = measure(document)
			operations[document] = few[document]
		}
		if len(operations) < 100 {
			t.Errorf("there are only %d operations", len(operations))
		}
		const added = 100
		w.grow(ctx, key, added)
		// On a machine under load, what is asked for at the same time may be gathered in more than one statement: a few
		// more, but not one for each row, and not every time.
		const slack, tries = added / 2, 10
		for document, usual := range operations {
			most, many := usual+slack, measure(document)
			for range tries {
				if many > most {
					many = min(many, measure(document))
				}
			}
			if many > most || few[document] > most {
				t.Errorf("%s: %d statements with few rows, %d with many, want at most %d", document, few[document], many, most)
			}
		}
	})
}
