package config_test

import (
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/config"
)

func valid() config.Settings {
	return config.Settings{
		Addr: "127.0.0.1:8080", DataDir: "data", RedisURL: "embedded", RedisPrefix: "hookline", MaxPayload: 262144, MaxSocketsPerKey: 2000, MaxOperationsPerKey: 10_000, Grace: 20, LogLevel: "info",
	}
}

func TestValidateNamesTheSettingThatIsWrong(t *testing.T) {
	t.Parallel()
	for setting, change := range map[string]func(*config.Settings){
		"HOOKLINE_ADDR":                   func(s *config.Settings) { s.Addr = "8080" },
		"HOOKLINE_DATABASE_URL":           func(s *config.Settings) { s.DatabaseURL = "mysql://user:hunter2@db" },
		"HOOKLINE_REDIS_URL":              func(s *config.Settings) { s.RedisURL = "http://:hunter2@redis" },
		"HOOKLINE_REDIS_PREFIX":           func(s *config.Settings) { s.RedisPrefix = "a{b" },
		"HOOKLINE_ADMIN_KEY":              func(s *config.Settings) { s.AdminKey = "hunter2" },
		"HOOKLINE_ALLOW_CIDRS":            func(s *config.Settings) { s.AllowCIDRs = []string{"10.0.0.0/8", "10.0.0"} },
		"HOOKLINE_ALLOWED_ORIGINS":        func(s *config.Settings) { s.AllowedOrigins = []string{"https://app.example.com/"} },
		"HOOKLINE_PUBLIC_URL":             func(s *config.Settings) { s.PublicURL = "https://hookline.example.com/dashboard" },
		"HOOKLINE_ENCRYPTION_KEYS":        func(s *config.Settings) { s.EncryptionKeys = "k1:hunter2" },
		"HOOKLINE_PARTITIONS":             func(s *config.Settings) { s.Partitions = 65 },
		"HOOKLINE_MAX_PAYLOAD":            func(s *config.Settings) { s.MaxPayload = 10 },
		"HOOKLINE_MAX_SOCKETS_PER_KEY":    func(s *config.Settings) { s.MaxSocketsPerKey = 0 },
		"HOOKLINE_MAX_OPERATIONS_PER_KEY": func(s *config.Settings) { s.MaxOperationsPerKey = 1_000_001 },
		"HOOKLINE_GRACE":                  func(s *config.Settings) { s.Grace = 301 },
		"HOOKLINE_LOG_LEVEL":              func(s *config.Settings) { s.LogLevel = "loud" },
	} {
		s := valid()
		change(&s)
		err := s.Validate()
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: Validate = %v", setting, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the value: %v", setting, err)
		}
	}
}

// A mapped network would never be found: addresses are held against networks as the IPv4 addresses that they are.
func TestMappedNetworksAreRefused(t *testing.T) {
	t.Parallel()
	s := valid()
	s.AllowCIDRs = []string{"::ffff:10.0.0.0/104"}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "write the IPv4 network") {
		t.Errorf("Validate = %v", err)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	t.Parallel()
	s := valid()
	s.Addr, s.Grace = "x", -1
	err := s.Validate()
	if err == nil || !strings.Contains(err.Error(), "HOOKLINE_ADDR") || !strings.Contains(err.Error(), "HOOKLINE_GRACE") {
		t.Errorf("Validate = %v", err)
	}
}

func TestPostgresNeedsEncryptionKeysAndRedis(t *testing.T) {
	t.Parallel()
	s := valid()
	s.DatabaseURL = "postgres://localhost/hookline"
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "HOOKLINE_ENCRYPTION_KEYS") || !strings.Contains(err.Error(), "HOOKLINE_REDIS_URL") {
		t.Errorf("Validate = %v", err)
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "", "https://hookline.example.com": "https://hookline.example.com", "http://10.0.0.1:8080/": "http://10.0.0.1:8080",
	} {
		s := valid()
		s.PublicURL = given
		if err := s.Validate(); err != nil || s.PublicURL != want {
			t.Errorf("%q: %q, %v", given, s.PublicURL, err)
		}
	}
	for _, wrong := range []string{
		"hookline.example.com", "//hookline.example.com", "ftp://hookline.example.com", "https://", "https://user@hookline.example.com",
		"https://hookline.example.com/?a=b", "https://hookline.example.com/#a", "javascript:alert(1)",
	} {
		s := valid()
		s.PublicURL = wrong
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "HOOKLINE_PUBLIC_URL") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestDefaultsFollowFromOthers(t *testing.T) {
	t.Parallel()
	s := valid()
	if err := s.Validate(); err != nil || s.Partitions != 1 || !s.EmbeddedDatabase() {
		t.Errorf("embedded: %v, %d partitions, %s", err, s.Partitions, s.DatabaseURL)
	}
	s = valid()
	for url, want := range map[string]int{
		"redis://127.0.0.1": 1, "rediss+sentinel://127.0.0.1?master_name=m": 1, "redis+cluster://127.0.0.1": 8, "rediss+cluster://127.0.0.1": 8,
	} {
		s.RedisURL, s.Partitions = url, 0
		if err := s.Validate(); err != nil || s.Partitions != want {
			t.Errorf("%s: %v, %d partitions, want %d", url, err, s.Partitions, want)
		}
	}
}
