package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/testenv"
)

// canaries are secrets that are seen wherever they get to, by name.
type canaries map[string][]byte

// text makes a secret that is text.
func (c canaries) text(name string) string {
	c[name] = []byte("canary" + rand.Text())
	return string(c[name])
}

// signing makes a signing secret.
func (c canaries) signing(name string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	c[name] = raw
	return "whsec_" + base64.StdEncoding.EncodeToString(raw)
}

// certificate makes a client certificate with its private key, as PEM.
func (c canaries) certificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "canary"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if c[name], err = key.Bytes(); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// forms returns what a secret looks like in the encodings in which it could be written, wherever in a longer text.
func forms(secret []byte) map[string][]byte {
	reversed := slices.Clone(secret)
	slices.Reverse(reversed)
	quoted, _ := json.Marshal(string(secret))
	all := map[string][]byte{
		"as it is": secret, "reversed": reversed, "in a URL": []byte(url.QueryEscape(string(secret))), "in JSON": quoted[1 : len(quoted)-1],
		"in hexadecimal digits": []byte(hex.EncodeToString(secret)), "in upper hexadecimal digits": []byte(strings.ToUpper(hex.EncodeToString(secret))),
	}
	// Of an encoding by groups of bits, what does not depend on the neighbours: without the first and the last group.
	for offset := range 5 {
		padded := append(make([]byte, offset), secret...)
		if offset < 3 {
			all[fmt.Sprintf("in base64, %d bytes later", offset)] = inner([]byte(base64.RawStdEncoding.EncodeToString(padded)), offset, 4, 3)
			all[fmt.Sprintf("in base64 for URLs, %d bytes later", offset)] = inner([]byte(base64.RawURLEncoding.EncodeToString(padded)), offset, 4, 3)
		}
		all[fmt.Sprintf("in base32, %d bytes later", offset)] = inner([]byte(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(padded)), offset, 8, 5)
	}
	return all
}

// inner cuts off an encoded text what holds bits of the offset before it or of what follows.
func inner(encoded []byte, offset, letters, bytes int) []byte {
	return encoded[(offset*letters+bytes-1)/bytes : len(encoded)-1]
}

// in returns where secrets are found in a dump.
func (c canaries) in(dump map[string][]byte) (found []string) {
	for name, secret := range c {
		for form, bytesOf := range forms(secret) {
			for place, content := range dump {
				if i := bytes.Index(content, bytesOf); i >= 0 {
					found = append(found, fmt.Sprintf("%s %s is in %s: …%q", name, form, place, content[max(i-60, 0):i]))
				}
			}
		}
	}
	return found
}

// dump reads all that is stored: every table and key, or every file of the embedded default.
func (in *installation) dump() map[string][]byte {
	in.t.Helper()
	if in.embedded {
		return in.dumpFiles()
	}
	dump := make(map[string][]byte)
	in.dumpTables(dump)
	in.dumpRedis(dump)
	return dump
}

func (in *installation) dumpFiles() map[string][]byte {
	in.t.Helper()
	dump := make(map[string][]byte)
	err := filepath.WalkDir(in.settings["HOOKLINE_DATA_DIR"], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		dump["file "+entry.Name()], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		in.t.Fatal(err)
	}
	return dump
}

func (in *installation) dumpTables(dump map[string][]byte) {
	in.t.Helper()
	ctx := soon(in.t)
	config, err := pgxpool.ParseConfig(in.settings["HOOKLINE_DATABASE_URL"])
	if err != nil {
		in.t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		in.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')")
	if err != nil {
		in.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		in.t.Fatal(err)
	}
	for _, table := range tables {
		var content bytes.Buffer // in PostgreSQL's binary format: bytes as they are
		if _, err := conn.PgConn().CopyTo(ctx, &content, "COPY (SELECT * FROM "+table+") TO STDOUT (FORMAT binary)"); err != nil {
			in.t.Fatalf("%s: %v", table, err)
		}
		dump["table "+table] = content.Bytes()
	}
}

func (in *installation) dumpRedis(dump map[string][]byte) {
	in.t.Helper()
	ctx := soon(in.t)
	options, err := redis.ParseURL(in.settings["HOOKLINE_REDIS_URL"])
	if err != nil {
		in.t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	keys, err := client.Keys(ctx, "*"+in.settings["HOOKLINE_REDIS_PREFIX"]+"*").Result()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, key := range keys {
		kind := client.Type(ctx, key).Val()
		var content any
		switch kind {
		case "stream":
			content = client.XRange(ctx, key, "-", "+").Val()
		case "string":
			content = client.Get(ctx, key).Val()
		case "hash":
			content = client.HGetAll(ctx, key).Val()
		case "set":
			content = client.SMembers(ctx, key).Val()
		case "zset":
			content = client.ZRange(ctx, key, 0, -1).Val()
		case "list":
			content = client.LRange(ctx, key, 0, -1).Val()
		case "none": // gone meanwhile
		default:
			in.t.Fatalf("key %s is of an unknown type, %s", key, kind)
		}
		dump["key "+key] = append(dump["key "+key], fmt.Sprint(key, content)...)
	}
}

// TestSecretsStaySecret uses every kind of secret, and finds none in the database, in Redis, in logs or in metrics.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		in.settings["HOOKLINE_LOG_LEVEL"] = "debug"
		if !in.embedded { // of the embedded default, the key is in a file beside the database
			key := make([]byte, 32)
			_, _ = rand.Read(key)
			in.settings["HOOKLINE_ENCRYPTION_KEYS"] = "old:" + base64.StdEncoding.EncodeToString(key)
		}
		secrets, planted := canaries{"the administrator's key": []byte(strings.TrimPrefix(adminKey, "hk_e2e_"))}, canaries{}
		server, workers := in.startAll(1)
		a := server.api()

		token := secrets.text("access token")
		tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = r.ParseForm()
			if r.PostForm.Get("username") == "refused" {
				w.WriteHeader(http.StatusUnauthorized)
				_ = json.NewEncoder(w).Encode(fields{"error": "invalid_grant", "error_description": "not " + r.PostForm.Get("password")})
				return
			}
			_ = json.NewEncoder(w).Encode(fields{"access_token": token, "token_type": "Bearer", "refresh_token": secrets.text("new refresh token")})
		}))
		t.Cleanup(tokens.Close)
		release := make(chan struct{})
		echo := testenv.NewReceiver(t) // says all that it hears, and fails now and then
		echo.Respond(func(n int, got *testenv.Received) testenv.Response {
			var heard bytes.Buffer
			_ = got.Header.Write(&heard)
			answer := testenv.Response{Header: http.Header{"X-Echo": got.Header.Values("X-Secret")}, Body: append(heard.Bytes(), got.Body...)}
			if n%3 == 0 {
				answer.Status = http.StatusInternalServerError
			}
			if n%5 == 0 {
				answer.Release = release
			}
			return answer
		})
		nobody := httptest.NewServer(http.NotFoundHandler())
		nobody.Close()

		withAuth := func(kind string, credentials fields) fields {
			return fields{"auth": fields{"create": fields{"key": kind, "credentials": fields{kind: credentials}}}}
		}
		oauth2 := func(change fields) fields {
			all := fields{
				"tokenUrl": tokens.URL, "clientId": "me", "clientSecret": secrets.text("client secret"),
				"headers": []fields{{"name": "X-Tenant", "value": secrets.text("header for tokens"), "secret": true}},
			}
			maps.Copy(all, change)
			return fields{"auth": fields{"create": fields{"key": "oauth2-" + change["grantType"].(string), "credentials": fields{"oauth2": all}}}}
		}
		retry := fields{"kind": "CUSTOM", "delays": []string{"PT1S", "PT1S"}}
		for key, profile := range map[string]fields{
			"headers": {"headers": []fields{
				{"name": "X-Secret", "value": secrets.text("secret header"), "secret": true},
				{"name": "Authorization", "value": "Bearer " + secrets.text("secret authorization"), "secret": true},
			}},
			"basic":    withAuth("basic", fields{"username": "ann", "password": secrets.text("password")}),
			"hmac":     withAuth("hmac", fields{"secret": secrets.text("HMAC key"), "headerName": "x-own"}),
			"client":   oauth2(fields{"grantType": "CLIENT_CREDENTIALS"}),
			"password": oauth2(fields{"grantType": "PASSWORD", "username": "refused", "password": secrets.text("user's password")}),
			"refresh":  oauth2(fields{"grantType": "REFRESH_TOKEN", "refreshToken": secrets.text("refresh token")}),
			"nobody":   {"webhookUrl": nobody.URL},
		} {
			profile["retryPolicy"] = retry
			a.subscribe(key, echo.URL(), fields{"secret": secrets.signing("signing secret of " + key), "eventTypes": []string{"sms.delivery", key + ".*"}}, profile)
		}
		rotated := struct {
			RotateEventSubscriptionSecret struct{ UserErrors userErrors }
		}{}
		a.must(`mutation ($secret: String) { rotateEventSubscriptionSecret(by: {key: "basic"}, secret: $secret) { userErrors { code message } } }`,
			fields{"secret": secrets.signing("rotated signing secret")}, &rotated)
		rotated.RotateEventSubscriptionSecret.UserErrors.mustBeNone(t)
		uploaded := struct {
			UploadCertificate struct{ UserErrors userErrors }
		}{}
		a.must(`mutation ($pem: String!, $passphrase: String) { uploadCertificate(input: {key: "mtls", pem: $pem, passphrase: $passphrase}) { userErrors { code message } } }`,
			fields{"pem": secrets.certificate(t, "private key")}, &uploaded)
		uploaded.UploadCertificate.UserErrors.mustBeNone(t)
		made := struct {
			CreateAPIKey struct {
				CreatedSecret string
				UserErrors    userErrors
			}
			CreatePortalSession struct {
				URL        string
				UserErrors userErrors
			}
		}{}
		a.must(`mutation {
			createApiKey(name: "shop", scopes: [EVENTS_PUBLISH]) { createdSecret userErrors { code message } }
			createPortalSession(account: {key: "default"}, scopes: [LOG_READ]) { url userErrors { code message } }
		}`, nil, &made)
		_, key, _ := strings.Cut(strings.TrimPrefix(made.CreateAPIKey.CreatedSecret, "hk_"), "_")
		secrets["API key"] = []byte(key)
		_, key, _ = strings.Cut(made.CreatePortalSession.URL, "hk_")
		_, key, _ = strings.Cut(key, "_")
		secrets["portal session"] = []byte(key)
		for name, secret := range secrets {
			if len(secret) < 20 {
				t.Fatalf("%s: %q is too short to look for", name, secret)
			}
		}
		// Wrong input is named in errors, without its secrets.
		wrong := a.query(`mutation ($secret: String!) { createAuthSetting(input: {key: "!", credentials: {basic: {username: "a:b", password: $secret}}}) { userErrors { message } } }`,
			fields{"secret": secrets.text("password that is refused")}, new(any))
		if wrong != nil && strings.Contains(wrong.Error(), "canary") {
			t.Errorf("the error shows the password: %v", wrong)
		}

		planted["what is no secret"] = []byte("planted" + rand.Text())
		body, _ := json.Marshal(fields{"type": "sms.delivery", "payload": fields{"text": string(planted["what is no secret"])}})
		for range 10 {
			if _, err := a.publish(t.Context(), "application/json", body); err != nil {
				t.Fatal(err)
			}
		}
		echo.Wait(t.Context(), 30)
		during := in.dump()
		close(release)
		testenv.Eventually(t, patience, func() bool {
			var left struct {
				Deliveries struct{ Nodes []struct{ Status string } }
			}
			a.must(`{ deliveries(filter: {statuses: [QUEUED, RETRYING]}) { nodes { status } } }`, nil, &left)
			return len(left.Deliveries.Nodes) == 0
		}, "all deliveries have ended")

		if !in.embedded {
			key := make([]byte, 32)
			_, _ = rand.Read(key)
			before := in.settings["HOOKLINE_ENCRYPTION_KEYS"]
			_, old, _ := strings.Cut(before, ":")
			secrets["old encryption key"], _ = base64.StdEncoding.DecodeString(old)
			secrets["new encryption key"] = key
			rotation := command(t, in.env(map[string]string{"HOOKLINE_ENCRYPTION_KEYS": "new:" + base64.StdEncoding.EncodeToString(key) + "," + before}), "keys", "rotate")
			if rotation.code != 0 {
				t.Errorf("keys rotate: %+v", rotation)
			}
			during["output of keys rotate"] = []byte(rotation.stdout + rotation.stderr)
		}
		after := in.dump()
		for _, p := range append(workers, server) {
			_, metrics, err := p.api().get("/metrics")
			if err != nil {
				t.Fatal(err)
			}
			after["metrics of "+p.name] = []byte(metrics)
			p.stop()
			after["log of "+p.name] = []byte(strings.Join(p.lines, "\n"))
			after["output of "+p.name] = p.stdout.Bytes()
		}
		for name, content := range in.dump() {
			after[name+" after the end"] = content
		}

		for moment, dump := range map[string]map[string][]byte{"while requests are held": during, "at the end": after} {
			for _, found := range secrets.in(dump) {
				t.Errorf("%s: %s", moment, found)
			}
		}
		// What is no secret is found: so the search works, and the dumps hold what has been sent.
		seen := strings.Join(planted.in(during), "\n")
		for _, place := range map[bool][]string{true: {"file "}, false: {"table ", "key "}}[in.embedded] {
			if !strings.Contains(seen, "is in "+place) {
				t.Errorf("an event's payload is not found in any %s: %s", place, seen)
			}
		}
	})
}

// A form is found wherever in an encoded text the secret begins.
func TestForms(t *testing.T) {
	t.Parallel()
	secret := []byte("canary\x00\xff\"&" + rand.Text())
	for before := range 16 {
		for after := range 9 {
			text := slices.Concat(bytes.Repeat([]byte("a"), before), secret, bytes.Repeat([]byte("b"), after))
			for name, encoded := range map[string]string{
				"base64": base64.StdEncoding.EncodeToString(text), "base64 for URLs": base64.URLEncoding.EncodeToString(text),
				"base32": base32.StdEncoding.EncodeToString(text), "hexadecimal": fmt.Sprintf("%X", text),
			} {
				if found := (canaries{"it": secret}).in(map[string][]byte{"text": []byte(encoded)}); len(found) == 0 {
					t.Errorf("not found in %s after %d and before %d bytes: %s", name, before, after, encoded)
				}
			}
		}
	}
}
