package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// spent is what the processes beside Hookline have used up to a moment: CPU time, and of Redis the memory in MiB.
type spent struct {
	postgres, redis, self time.Duration
	redisMiB              float64
}

// servers reads what PostgreSQL, Redis and this process, which publishes and is the endpoint, have used. With -embedded only the latter.
func (b *bench) servers(ctx context.Context) (s spent, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return s, err
	}
	s.self = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if b.options.embedded {
		return s, nil
	}
	options, err := redis.ParseURL(b.settings.RedisURL)
	if err != nil {
		return s, err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	info, err := client.InfoMap(ctx, "cpu", "memory").Result()
	if err != nil {
		return s, err
	}
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, _ := strconv.ParseFloat(info["CPU"][name], 64)
		s.redis += time.Duration(seconds * float64(time.Second))
	}
	resident, _ := strconv.ParseFloat(info["Memory"]["used_memory_rss"], 64)
	s.redisMiB = resident / (1 << 20)
	s.postgres, err = b.postgresCPU(ctx)
	return s, err
}

// postgresCPU returns what all processes of the PostgreSQL server have used, those that have ended included; 0 where there is no /proc, or
// the server is on another machine.
func (b *bench) postgresCPU(ctx context.Context) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, b.settings.DatabaseURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	main, _, _, ok := processTimes(int(conn.PgConn().PID()))
	if !ok {
		return 0, nil
	}
	_, own, ended, _ := processTimes(main)
	total := own + ended
	others, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range others {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		if parent, used, _, ok := processTimes(pid); ok && parent == main {
			total += used
		}
	}
	return total, nil
}

// processTimes reads a process's parent, its CPU time, and that of its children that have ended: proc(5).
func processTimes(pid int) (parent int, own, ended time.Duration, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const tick = 10 * time.Millisecond // USER_HZ is 100 everywhere
	at := func(field int) time.Duration {
		n, _ := strconv.Atoi(fields[field-3]) // as proc(5) counts them, after the first two
		return time.Duration(n) * tick
	}
	parent, _ = strconv.Atoi(fields[1])
	return parent, at(14) + at(15), at(16) + at(17), true
}
