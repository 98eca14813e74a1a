package e2e

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// A setting that is wrong stops the start and names itself; its value is not shown where it is a secret.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role  string
		wrong map[string]string
		says  []string
	}{
		{"serve", map[string]string{"HOOKLINE_ADDR": "localhost"}, []string{"HOOKLINE_ADDR"}},
		{"serve", map[string]string{"HOOKLINE_ADDR": taken.Addr().String()}, []string{"HOOKLINE_ADDR", "in use"}},
		{"serve", map[string]string{"HOOKLINE_DATA_DIR": file}, []string{"HOOKLINE_DATA_DIR"}},
		{"serve", map[string]string{"HOOKLINE_DATABASE_URL": "mysql://root:pa55word@localhost/db"}, []string{"HOOKLINE_DATABASE_URL"}},
		{
			"serve", map[string]string{"HOOKLINE_DATABASE_URL": "postgres://root:pa55word@localhost/db"},
			[]string{"HOOKLINE_REDIS_URL", "HOOKLINE_ENCRYPTION_KEYS"}, // all at once
		},
		{"serve", map[string]string{"HOOKLINE_REDIS_URL": "http://:pa55word@localhost"}, []string{"HOOKLINE_REDIS_URL"}},
		{"serve", map[string]string{"HOOKLINE_REDIS_PREFIX": "two words"}, []string{"HOOKLINE_REDIS_PREFIX"}},
		{"serve", map[string]string{"HOOKLINE_ADMIN_KEY": "hk_e2e_pa55word"}, []string{"HOOKLINE_ADMIN_KEY"}},
		{"serve", map[string]string{"HOOKLINE_ALLOW_CIDRS": "10.0.0.0/8,10.0.0.0/33"}, []string{"HOOKLINE_ALLOW_CIDRS", "10.0.0.0/33"}},
		{"serve", map[string]string{"HOOKLINE_ALLOW_HTTP": "perhaps"}, []string{"HOOKLINE_ALLOW_HTTP"}},
		{"serve", map[string]string{"HOOKLINE_ALLOWED_ORIGINS": "app.example.com"}, []string{"HOOKLINE_ALLOWED_ORIGINS"}},
		{"serve", map[string]string{"HOOKLINE_PUBLIC_URL": "hookline.example.com"}, []string{"HOOKLINE_PUBLIC_URL"}},
		{"serve", map[string]string{"HOOKLINE_MAX_SOCKETS_PER_KEY": "0"}, []string{"HOOKLINE_MAX_SOCKETS_PER_KEY"}},
		{"serve", map[string]string{"HOOKLINE_MAX_OPERATIONS_PER_KEY": "-1"}, []string{"HOOKLINE_MAX_OPERATIONS_PER_KEY"}},
		{"serve", map[string]string{"HOOKLINE_ENCRYPTION_KEYS": "k1:pa55word"}, []string{"HOOKLINE_ENCRYPTION_KEYS"}},
		{"serve", map[string]string{"HOOKLINE_PARTITIONS": "65"}, []string{"HOOKLINE_PARTITIONS", "1-64"}},
		{"serve", map[string]string{"HOOKLINE_PARTITIONS": "many"}, []string{"HOOKLINE_PARTITIONS"}},
		{"serve", map[string]string{"HOOKLINE_MAX_PAYLOAD": "1"}, []string{"HOOKLINE_MAX_PAYLOAD"}},
		{"serve", map[string]string{"HOOKLINE_GRACE": "-1"}, []string{"HOOKLINE_GRACE"}},
		{"serve", map[string]string{"HOOKLINE_LOG_LEVEL": "loud"}, []string{"log-level", "loud"}},
		{"server", nil, []string{"hookline serve"}}, // is for the embedded servers
		{"worker", nil, []string{"hookline serve"}},
	} {
		t.Run(c.role+" with "+strings.Join(c.says, ","), func(t *testing.T) {
			t.Parallel()
			got := command(t, installEmbedded(t).env(c.wrong), c.role)
			if got.code != 1 {
				t.Errorf("exit code %d, want 1", got.code)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("it does not say %q:\n%s", says, got.stderr)
				}
			}
			if strings.Contains(got.stderr+got.stdout, "pa55word") {
				t.Errorf("it shows a secret:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	got := command(t, nil, "--help")
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for _, says := range []string{"serve", "server", "worker", "migrate", "HOOKLINE_ADDR", "HOOKLINE_DATABASE_URL", "HOOKLINE_REDIS_URL"} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("it does not say %q:\n%s", says, got.stdout)
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		first, second := command(t, in.env(nil), "migrate"), command(t, in.env(nil), "migrate")
		if first.code != 0 || !strings.Contains(first.stdout, "applied") {
			t.Errorf("the first time: %+v", first)
		}
		if second.code != 0 || second.stdout != "the database is up to date\n" {
			t.Errorf("the second time: %+v", second)
		}
		in.startAll(1)
	})
}

func TestDataFolderHasOneProcess(t *testing.T) {
	t.Parallel()
	in := installEmbedded(t)
	first := in.start("serve")
	second := command(t, in.env(nil), "serve")
	if second.code != 1 || !strings.Contains(second.stderr, "another hookline runs on "+in.settings["HOOKLINE_DATA_DIR"]) {
		t.Errorf("the second process: %+v", second)
	}
	first.kill()
	in.start("serve") // the lock went with the process
}

// Without a setting for it, the first start makes an administrator's key and shows it with a link to sign in, once.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		delete(in.settings, "HOOKLINE_ADMIN_KEY")
		server, _ := in.startAll(1)
		url := server.url
		server.stop()
		shown := regexp.MustCompile(`hk_[a-z0-9]+_\w+`).FindAllString(server.stdout.String(), -1)
		if len(shown) != 2 || shown[0] != shown[1] || !strings.Contains(server.stdout.String(), url+"/#key="+shown[0]) {
			t.Fatalf("the first start shows:\n%s", server.stdout.String())
		}
		server = in.start(in.server())
		api := server.api()
		api.key = shown[0]
		api.subscribe("one", testenv.NewReceiver(t).URL(), nil, nil)
		server.stop()
		if server.stdout.Len() > 0 {
			t.Errorf("the second start shows:\n%s", server.stdout.String())
		}
	})
}

// Links to the dashboard begin with HOOKLINE_PUBLIC_URL, or else with the address that the server listens on.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"", "https://hookline.example.com"} {
		in := installEmbedded(t)
		if public != "" {
			in.settings["HOOKLINE_PUBLIC_URL"] = public + "/"
		}
		server := in.start("serve")
		var made struct{ CreatePortalSession struct{ URL string } }
		server.api().must(`mutation {createPortalSession(account: {key: "default"}, scopes: [LOG_READ]) {url}}`, nil, &made)
		if want := cmp.Or(public, server.url) + "/#key=hk_"; !strings.HasPrefix(made.CreatePortalSession.URL, want) {
			t.Errorf("the link is %s, want %s…", made.CreatePortalSession.URL, want)
		}
	}
}
