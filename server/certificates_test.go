package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

func TestCertificates(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		_, stranger := w.customer("stranger")
		ca := testenv.NewAuthority(t, "ca")
		const upload = `mutation($input: UploadCertificateInput!) {uploadCertificate(input: $input) {certificate {
			id key name status statusMessage subject issuer sans serial fingerprint keyAlgorithm version chain {subject issuer fingerprint}}
			warnings userErrors {code path message}}}`
		text := ca.PEM(t, "client", time.Now().Add(90*24*time.Hour))
		a := w.query(key, upload, map[string]any{"input": map[string]any{"key": "main", "pem": text}})
		made := at(t, a.Data, "uploadCertificate.certificate.id")
		for path, want := range map[string]string{
			"key": "main", "name": "main", "status": "PENDING", "subject": "CN=client", "issuer": "CN=ca", "sans": "[]", "serial": "2",
			"keyAlgorithm": "ECDSA P-256", "version": "1", "chain.0.subject": "CN=client", "chain.0.issuer": "CN=ca",
			"chain.0.fingerprint": at(t, a.Data, "uploadCertificate.certificate.fingerprint"),
		} {
			if got := at(t, a.Data, "uploadCertificate.certificate."+path); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
		}
		if got := at(t, a.Data, "uploadCertificate.warnings"); got != "[]" {
			t.Errorf("warnings %s", got)
		}

		if got := w.userErrors(key, upload, map[string]any{"input": map[string]any{"key": "main", "pem": "x"}}); len(got) != 2 ||
			got[0].Code != "TAKEN" || got[1].Code != "INVALID" || fmt.Sprint(got[1].Path) != "[input pem]" {
			t.Errorf("mistakes: %+v", got)
		}
		if got := w.userErrors(w.key(ctx, access.SubscriptionsWrite, access.SubscriptionsRead), upload, map[string]any{"input": map[string]any{"key": "x", "pem": text}}); len(got) != 1 || !strings.Contains(got[0].Message, "SECRETS_WRITE") {
			t.Errorf("without the scope for secrets: %+v", got)
		}

		w.get(key, upload, map[string]any{"input": map[string]any{"key": "soon", "name": "Bald", "pem": ca.PEM(t, "soon", time.Now().Add(time.Hour))}}, "uploadCertificate.certificate.id")
		settled := time.Now().Add(-time.Minute)
		for _, c := range w.store.Ent.Certificate.Query().AllX(ctx) { // as if uploaded a minute ago
			w.store.Ent.Certificate.DeleteOne(c).ExecX(ctx)
			w.store.Ent.Certificate.Create().SetID(c.ID).SetAccountID(c.AccountID).SetKey(c.Key).SetName(c.Name).SetChain(c.Chain).SetPrivateKey(c.PrivateKey).
				SetSubject(c.Subject).SetFingerprint(c.Fingerprint).SetNotBefore(c.NotBefore).SetNotAfter(c.NotAfter).SetCreatedAt(settled).ExecX(ctx)
		}
		for document, want := range map[string]string{
			`{certificates {nodes {key status} totalCount}}`:                                      `{"certificates":{"nodes":[{"key":"soon","status":"EXPIRING"},{"key":"main","status":"ACTIVE"}],"totalCount":2}}`,
			`{certificates(statuses: [ACTIVE, REJECTED]) {nodes {key statusMessage} totalCount}}`: `{"certificates":{"nodes":[{"key":"main","statusMessage":null}],"totalCount":1}}`,
			`{certificates(statuses: []) {totalCount}}`:                                           `{"certificates":{"totalCount":2}}`,
			`{certificates(statuses: [EXPIRED]) {totalCount}}`:                                    `{"certificates":{"totalCount":0}}`,
			`{certificates(expiringWithin: "P30D") {nodes {key}}}`:                                `{"certificates":{"nodes":[{"key":"soon"}]}}`,
			`{certificates(expiringWithin: "PT0S") {nodes {key}}}`:                                `{"certificates":{"nodes":[]}}`,
			`{certificates(search: "cn=MAIN") {totalCount} }`:                                     `{"certificates":{"totalCount":0}}`,
			`{certificates(search: "CN=Client") {nodes {key}}}`:                                   `{"certificates":{"nodes":[{"key":"main"}]}}`,
			`{certificates(search: "bal") {nodes {key}}}`:                                         `{"certificates":{"nodes":[{"key":"soon"}]}}`,
			`{certificates(order: {field: NOT_AFTER, direction: DESC}, first: 1) {nodes {key}}}`:  `{"certificates":{"nodes":[{"key":"main"}]}}`,
			`{certificate(by: {key: "main"}) {name profiles {nodes {key} totalCount}}}`:           `{"certificate":{"name":"main","profiles":{"nodes":[],"totalCount":0}}}`,
			`{certificate(by: {key: "nobodys"}) {name}}`:                                          `{"certificate":null}`,
			`{node(id: "` + made + `") {__typename ... on Certificate {key}}}`:                    `{"node":{"__typename":"Certificate","key":"main"}}`,
			`{nodes(ids: ["` + made + `", "crt_01h455vb4pex5vsknk084sn02q"]) {__typename}}`:       `{"nodes":[{"__typename":"Certificate"},null]}`,
		} {
			if a := w.query(key, document, nil); string(a.Data) != want || len(a.Errors) > 0 {
				t.Errorf("%s: %+v %s", document, a.Errors, a.Data)
			}
		}
		if a := w.query(key, `{certificates(expiringWithin: "-PT1H") {totalCount}}`, nil); a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, "expiringWithin: it is negative") {
			t.Errorf("a negative time: %+v", a)
		}
		for document, want := range map[string]string{
			`{certificates {totalCount}}`: `{"certificates":{"totalCount":0}}`, `{certificates(statuses: [ACTIVE, EXPIRING]) {totalCount}}`: `{"certificates":{"totalCount":0}}`,
			`{certificate(by: {key: "main"}) {name}}`: `{"certificate":null}`, `{node(id: "` + made + `") {__typename}}`: `{"node":null}`,
			`{certificate(by: {id: "` + made + `"}) {name}}`: `{"certificate":null}`,
		} {
			if a := w.query(stranger, document, nil); string(a.Data) != want {
				t.Errorf("%s of a stranger: %+v %s", document, a.Errors, a.Data)
			}
		}

		if got := w.get(key, `mutation {updateCertificate(by: {key: "main"}, input: {name: "N", expectedVersion: 1}) {certificate {name version} userErrors {code}}}`, nil, "updateCertificate.certificate.name"); got != "N" {
			t.Errorf("renamed to %s", got)
		}
		w.store.Ent.NotificationProfile.UpdateOneID(w.subscribe(ctx, "p", "sms.*").ProfileID).SetCertificateID(parse(t, made)).ExecX(ctx)
		const remove = `mutation {deleteCertificate(by: {key: "main"}) {deletedId userErrors {code path message blockedBy {__typename id}}}}`
		if got := w.userErrors(key, remove, nil); len(got) != 1 || got[0].Code != "IN_USE" || len(got[0].BlockedBy) != 1 || got[0].BlockedBy[0].Typename != "NotificationProfile" {
			t.Errorf("deleting one in use: %+v", got)
		}
		w.store.Ent.NotificationProfile.Update().ClearCertificateID().ExecX(ctx)
		if got := w.get(key, remove, nil, "deleteCertificate.deletedId"); got != made {
			t.Errorf("deleted %s", got)
		}
	})
}

// TestProfilesOfCertificates: whatever uses a certificate or is to use it is listed once, page by page.
func TestProfilesOfCertificates(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		ca := testenv.NewAuthority(t, "ca")
		var certificates []id.ID
		for _, name := range []string{"a", "b", "c"} {
			made := must(w.configure.UploadCertificate(ctx, configure.UploadCertificateInput{Key: name, PEM: new(ca.PEM(t, name, time.Now().Add(time.Hour)))}))
			certificates = append(certificates, made.ID)
		}
		later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
		for i, link := range []struct {
			now, next int
			at        time.Time
		}{{0, -1, later}, {0, 1, later}, {0, 1, before}, {1, 0, later}, {0, -1, later}, {1, -1, later}} {
			p := must(w.configure.CreateNotificationProfile(ctx, configure.ProfileInput(fmt.Sprint("p", i), "https://203.0.113.7/")))
			update := p.Update().SetCertificateID(certificates[link.now])
			if link.next >= 0 {
				update.SetNextCertificateID(certificates[link.next]).SetNextCertificateAt(link.at)
			}
			update.ExecX(ctx)
		}
		const document = `query($first: Int, $after: Cursor, $last: Int, $before: Cursor) {certificates(order: {field: KEY, direction: ASC}) {nodes {key
			profiles(first: $first, after: $after, last: $last, before: $before) {nodes {key} totalCount pageInfo {hasNextPage hasPreviousPage endCursor startCursor}}}}}`
		pages := func(vars map[string]any) (shown string, a answer) {
			a = w.query(key, document, vars)
			if len(a.Errors) > 0 {
				t.Fatalf("%+v", a.Errors)
			}
			for i := range 3 {
				at := func(path string) string { return at(t, a.Data, fmt.Sprintf("certificates.nodes.%d.%s", i, path)) }
				for n, nodes := 0, at("profiles.nodes"); n < strings.Count(nodes, "key"); n++ {
					shown += at(fmt.Sprintf("profiles.nodes.%d.key", n)) + " "
				}
				shown += at("profiles.totalCount") + "; "
			}
			return shown, a
		}
		if got, want := first(pages(nil)), "p4 p3 p1 p0 4; p5 p3 p2 p1 4; 0; "; got != want {
			t.Errorf("all: %s, want %s", got, want)
		}
		got, a := pages(map[string]any{"first": 2})
		if want := "p4 p3 4; p5 p3 4; 0; "; got != want {
			t.Errorf("the first two: %s, want %s", got, want)
		}
		if got, want := first(pages(map[string]any{"first": 3, "after": at(t, a.Data, "certificates.nodes.0.profiles.pageInfo.endCursor")})), "p1 p0 4; p2 p1 4; 0; "; got != want {
			t.Errorf("the next: %s, want %s", got, want)
		}
		if got, want := first(pages(map[string]any{"last": 2})), "p1 p0 4; p2 p1 4; 0; "; got != want {
			t.Errorf("the last two: %s, want %s", got, want)
		}
	})
}

func first[A, B any](a A, _ B) A { return a }

func TestCertificatesOfProfiles(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, key := w.customer("acme")
		ca := testenv.NewAuthority(t, "ca")
		upload := func(name string) map[string]any {
			return map[string]any{"upload": map[string]any{"key": name, "pem": ca.PEM(t, name, time.Now().Add(2*time.Hour))}}
		}
		const create = `mutation($input: CreateNotificationProfileInput!) {createNotificationProfile(input: $input) {
			notificationProfile {certificate {key} certificateChange {at}} warnings userErrors {code message path}}}`
		a := w.query(key, create, map[string]any{"input": map[string]any{"key": "p", "webhookUrl": "https://203.0.113.7/", "certificate": upload("a")}})
		if want := `{"createNotificationProfile":{"notificationProfile":{"certificate":{"key":"a"},"certificateChange":null},"warnings":[],"userErrors":[]}}`; string(a.Data) != want {
			t.Errorf("%+v %s", a.Errors, a.Data)
		}
		const update = `mutation($input: UpdateNotificationProfileInput!) {updateNotificationProfile(by: {key: "p"}, input: $input) {
			notificationProfile {certificate {key profiles {totalCount}} certificateChange {certificate {key profiles {nodes {key}}} at}} warnings userErrors {code message path}}}`
		takeover := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		a = w.query(key, update, map[string]any{"input": map[string]any{"certificateChange": map[string]any{"certificate": upload("b"), "at": takeover}}})
		if want := `{"updateNotificationProfile":{"notificationProfile":{"certificate":{"key":"a","profiles":{"totalCount":1}},"certificateChange":{"certificate":{"key":"b","profiles":{"nodes":[{"key":"p"}]}},"at":"` +
			takeover + `"}},"warnings":[],"userErrors":[]}}`; string(a.Data) != want {
			t.Errorf("%+v %s", a.Errors, a.Data)
		}
		past := map[string]any{"input": map[string]any{"certificateChange": map[string]any{"certificate": map[string]any{"existing": map[string]any{"key": "b"}}, "at": "2020-01-01T00:00:00Z"}}}
		if got := w.userErrors(key, update, past); len(got) != 1 || got[0].Code != "OUT_OF_RANGE" || fmt.Sprint(got[0].Path) != "[input certificateChange at]" {
			t.Errorf("in the past: %+v", got)
		}
		a = w.query(key, update, map[string]any{"input": map[string]any{"certificateChange": nil}})
		if got := at(t, a.Data, "updateNotificationProfile.notificationProfile.certificateChange"); got != "null" {
			t.Errorf("cancelled: %s", a.Data)
		}
		a = w.query(key, update, map[string]any{"input": map[string]any{"certificate": nil}})
		if got := at(t, a.Data, "updateNotificationProfile.notificationProfile.certificate"); got != "null" {
			t.Errorf("none: %s", a.Data)
		}
		const impact = `query($id: ID!) {deletionImpact(id: $id) {blockedByCount blockedBy {id}}}`
		w.get(key, update, map[string]any{"input": map[string]any{
			"certificate":       map[string]any{"existing": map[string]any{"key": "a"}},
			"certificateChange": map[string]any{"certificate": map[string]any{"existing": map[string]any{"key": "b"}}, "at": takeover},
		}}, "updateNotificationProfile")
		for _, c := range []string{"a", "b"} {
			made := w.get(key, `query($key: Key!) {certificate(by: {key: $key}) {id}}`, map[string]any{"key": c}, "certificate.id")
			if got := w.get(key, impact, map[string]any{"id": made}, "deletionImpact.blockedByCount"); got != "1" {
				t.Errorf("%s is used by %s", c, got)
			}
		}
		gone := w.query(key, `mutation {deleteNotificationProfile(by: {key: "p"}, deleteUnused: true) {deletedIds userErrors {message}}}`, nil)
		if got := string(gone.Data); strings.Count(got, "crt_") != 2 || strings.Count(got, "prf_") != 1 {
			t.Errorf("deleted %s", got)
		}
	})
}
