// Package config is what an operator can set: by flags, or by environment variables of the same names. The struct's tags are the
// only list of it; `hookline --help` is made from them.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/vault"
)

// Settings is all that can be set.
type Settings struct {
	Addr                string   `env:"HOOKLINE_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	PublicURL           string   `env:"HOOKLINE_PUBLIC_URL" placeholder:"URL" help:"Where browsers find the dashboard, such as https://hookline.example.com: links to it begin with this. The default is the address to listen on."`
	DataDir             string   `env:"HOOKLINE_DATA_DIR" default:"./data" placeholder:"FOLDER" help:"Folder of the embedded database and its encryption key."`
	DatabaseURL         string   `env:"HOOKLINE_DATABASE_URL" placeholder:"URL" help:"postgres://… or sqlite://PATH. The default is SQLite in the data folder."`
	RedisURL            string   `env:"HOOKLINE_REDIS_URL" default:"embedded" placeholder:"URL" help:"redis://…, rediss://…, redis+cluster://…, redis+sentinel://…, or embedded: a Redis inside the process, for the serve command only."`
	RedisPrefix         string   `env:"HOOKLINE_REDIS_PREFIX" default:"hookline" placeholder:"WORD" help:"What all keys in Redis begin with."`
	AdminKey            string   `env:"HOOKLINE_ADMIN_KEY" placeholder:"hk_<id>_<secret>" help:"Administrator's API key. Without it one is made at the first start, and printed once."`
	AllowCIDRs          []string `env:"HOOKLINE_ALLOW_CIDRS" name:"allow-cidrs" placeholder:"CIDR" help:"Networks to which webhooks may go although they are not public, comma-separated."`
	AllowHTTP           bool     `env:"HOOKLINE_ALLOW_HTTP" name:"allow-http" help:"Allow webhook URLs with http."`
	AllowSHA1           bool     `env:"HOOKLINE_ALLOW_SHA1" name:"allow-sha1" help:"Allow auth settings that sign with HMAC-SHA1."`
	AllowedOrigins      []string `env:"HOOKLINE_ALLOWED_ORIGINS" placeholder:"ORIGIN" help:"Origins of web pages that may call the API from elsewhere, such as https://app.example.com, comma-separated."`
	Introspection       bool     `env:"HOOKLINE_INTROSPECTION" default:"true" negatable:"" help:"Let clients of the API ask for its schema, at /graphql and /schema.graphql, and suggest names in errors."`
	EncryptionKeys      string   `env:"HOOKLINE_ENCRYPTION_KEYS" placeholder:"ID:BASE64" help:"Keys that encrypt secrets at rest: id:base64 of 32 bytes, comma-separated; the first one encrypts. With SQLite, the default is one made in the data folder."`
	Partitions          int      `env:"HOOKLINE_PARTITIONS" placeholder:"N" help:"Work streams in Redis, 1-64; the same for every process. More of them spread over the nodes of a Redis Cluster, and cost a little. The default is 8 with a cluster, else 1."`
	MaxPayload          int      `env:"HOOKLINE_MAX_PAYLOAD" default:"262144" placeholder:"BYTES" help:"The largest payload of an event: 1024-16777216."`
	MaxSocketsPerKey    int      `env:"HOOKLINE_MAX_SOCKETS_PER_KEY" default:"2000" placeholder:"N" help:"How many websockets an API key may have open at once on each server: 1-1000000."`
	MaxOperationsPerKey int      `env:"HOOKLINE_MAX_OPERATIONS_PER_KEY" default:"10000" placeholder:"N" help:"How many GraphQL operations an API key may run at once on each server, over websockets, streams and requests together: 1-1000000."`
	Grace               int      `env:"HOOKLINE_GRACE" default:"20" placeholder:"SECONDS" help:"How long a stop waits for requests under way: 0-300."`
	LogLevel            string   `env:"HOOKLINE_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"Least level of what is logged: ${enum}."`
	Demo                bool     `env:"HOOKLINE_DEMO" help:"Fill a demo account and publish sample events to the built-in test receiver. For trying Hookline out."`
}

// Error is a setting that is wrong.
type Error struct {
	Setting string // the environment variable
	Err     error
}

func (e *Error) Error() string { return e.Setting + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Validate checks all settings and fills in those whose default depends on others. It returns every mistake.
func (s *Settings) Validate() error {
	var wrong []error
	check := func(setting string, err error) {
		if err != nil {
			wrong = append(wrong, &Error{setting, err})
		}
	}
	check("HOOKLINE_ADDR", checkAddr(s.Addr))
	if s.PublicURL = strings.TrimSuffix(s.PublicURL, "/"); s.PublicURL != "" {
		check("HOOKLINE_PUBLIC_URL", checkOrigin(s.PublicURL))
	}
	if s.DatabaseURL == "" {
		path, err := filepath.Abs(filepath.Join(s.DataDir, "hookline.db"))
		check("HOOKLINE_DATA_DIR", err)
		s.DatabaseURL = "sqlite://" + path
	}
	check("HOOKLINE_DATABASE_URL", checkURL(s.DatabaseURL, "postgres", "postgresql", "sqlite"))
	switch {
	case s.RedisURL == stream.Embedded && !s.EmbeddedDatabase():
		check("HOOKLINE_REDIS_URL", errors.New("is needed with PostgreSQL: the embedded Redis is for SQLite"))
	case s.RedisURL != stream.Embedded:
		check("HOOKLINE_REDIS_URL", checkURL(s.RedisURL, "redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"))
	}
	if s.RedisPrefix == "" || strings.ContainsAny(s.RedisPrefix, "{}:* \t\n") {
		check("HOOKLINE_REDIS_PREFIX", errors.New("must be a word without {, }, :, * and spaces"))
	}
	if s.AdminKey != "" {
		check("HOOKLINE_ADMIN_KEY", apikey.ValidateAdminKey(s.AdminKey))
	}
	_, err := s.allowed()
	check("HOOKLINE_ALLOW_CIDRS", err)
	for _, origin := range s.AllowedOrigins {
		check("HOOKLINE_ALLOWED_ORIGINS", checkOrigin(origin))
	}
	switch {
	case s.EncryptionKeys != "":
		_, err := vault.ParseKeys(s.EncryptionKeys)
		check("HOOKLINE_ENCRYPTION_KEYS", err)
	case !s.EmbeddedDatabase():
		check("HOOKLINE_ENCRYPTION_KEYS", errors.New("is needed with PostgreSQL: id:base64 of 32 random bytes, such as `k1:$(openssl rand -base64 32)`"))
	}
	if s.Partitions == 0 {
		s.Partitions = 1
		if stream.IsCluster(s.RedisURL) {
			s.Partitions = 8
		}
	}
	check("HOOKLINE_PARTITIONS", checkRange(s.Partitions, 1, 64))
	check("HOOKLINE_MAX_PAYLOAD", checkRange(s.MaxPayload, 1<<10, 16<<20))
	check("HOOKLINE_MAX_SOCKETS_PER_KEY", checkRange(s.MaxSocketsPerKey, 1, 1_000_000))
	check("HOOKLINE_MAX_OPERATIONS_PER_KEY", checkRange(s.MaxOperationsPerKey, 1, 1_000_000))
	check("HOOKLINE_GRACE", checkRange(s.Grace, 0, 300))
	var level slog.Level
	check("HOOKLINE_LOG_LEVEL", level.UnmarshalText([]byte(s.LogLevel)))
	return errors.Join(wrong...)
}

// EmbeddedDatabase reports whether the database is SQLite.
func (s *Settings) EmbeddedDatabase() bool { return strings.HasPrefix(s.DatabaseURL, "sqlite:") }

// Guard returns the policy for addresses that customers choose.
func (s *Settings) Guard() addrguard.Policy {
	allowed, _ := s.allowed() // Validate has checked it
	return addrguard.Policy{Allow: allowed, AllowHTTP: s.AllowHTTP}
}

func (s *Settings) allowed() ([]netip.Prefix, error) {
	var allowed []netip.Prefix
	for _, text := range s.AllowCIDRs {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
		}
		if prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is written as IPv6: write the IPv4 network in it, such as 10.0.0.0/8", text)
		}
		allowed = append(allowed, prefix.Masked())
	}
	return allowed, nil
}

// Keys returns the encryption keys; with SQLite they are made in the data folder if none are given.
func (s *Settings) Keys() ([]vault.Key, error) {
	if s.EncryptionKeys != "" {
		return vault.ParseKeys(s.EncryptionKeys)
	}
	return vault.LoadOrCreateKeyFile(filepath.Join(s.DataDir, "encryption.keys"))
}

func checkAddr(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:8080", addr)
	}
	return nil
}

// checkURL checks a URL's scheme without repeating the URL, which may hold a password.
func checkURL(text string, schemes ...string) error {
	for _, scheme := range schemes {
		if strings.HasPrefix(text, scheme+"://") {
			return nil
		}
	}
	return fmt.Errorf("must begin with %s://", strings.Join(schemes, "://, "))
}

func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin {
		return fmt.Errorf("%q is not an origin such as https://app.example.com", origin)
	}
	return nil
}

func checkRange(value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("is %d, must be %d-%d", value, least, most)
	}
	return nil
}
