package compose

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// load reads docker-compose.yml as `docker compose` does, with the given lines of .env: it checks the file against the
// compose specification and the references between its parts.
func load(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "/docker-compose.yml"}, cli.WithEnv(env), cli.WithResolvedPaths(false))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// freshEnv returns the lines that scripts/make-env prints.
func freshEnv(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), root+"/scripts/make-env").Output()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "#")
	})
}

func mustLoad(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t, freshEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeFileIsValid(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(mustLoad(t).Services))
	if want := []string{"migrate", "postgres", "redis", "server", "worker"}; !slices.Equal(names, want) {
		t.Errorf("has the services %v, want %v", names, want)
	}
}

func TestComposeFileDemandsSecrets(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"POSTGRES_PASSWORD", "HOOKLINE_ADMIN_KEY", "HOOKLINE_ENCRYPTION_KEYS"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			env := slices.DeleteFunc(freshEnv(t), func(line string) bool { return strings.HasPrefix(line, missing+"=") })
			if _, err := load(t, env); err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	services := mustLoad(t).Services
	t.Run("restart", func(t *testing.T) {
		t.Parallel()
		for name, s := range services {
			if s.Restart == "" || s.Restart == "no" {
				t.Errorf("%s does not", name)
			}
		}
	})
	t.Run("keep_their_data", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"postgres", "redis"} {
			if v := services[name].Volumes; len(v) != 1 || v[0].Type != types.VolumeTypeVolume || v[0].Source != name {
				t.Errorf("%s has the volumes %+v", name, v)
			}
		}
	})
	t.Run("show_their_health", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"postgres", "redis", "server"} {
			if services[name].HealthCheck == nil {
				t.Errorf("%s does not", name)
			}
		}
	})
	t.Run("start_after_the_migration", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"server", "worker"} {
			if got := services[name].DependsOn["migrate"].Condition; got != types.ServiceConditionCompletedSuccessfully {
				t.Errorf("%s waits for %q", name, got)
			}
		}
	})
	t.Run("publish_nothing_but_the_server,_on_loopback", func(t *testing.T) {
		t.Parallel()
		for name, s := range services {
			for _, port := range s.Ports {
				if name != "server" || port.HostIP != "127.0.0.1" || port.Published != "8080" || port.Target != 8080 {
					t.Errorf("%s publishes %+v", name, port)
				}
			}
		}
	})
	t.Run("run_two_workers", func(t *testing.T) {
		t.Parallel()
		worker := services["worker"]
		if got := worker.GetScale(); got != 2 {
			t.Errorf("got %d", got)
		}
	})
}

func TestDockerfileCopiesWhatIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "COPY" || strings.HasPrefix(words[1], "--from") {
			continue
		}
		for _, source := range words[1 : len(words)-1] {
			if _, err := os.Stat(root + "/" + source); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(line), err)
			}
		}
	}
}
