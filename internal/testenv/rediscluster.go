package testenv

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patienceWithRedis bounds how long servers of Redis may take to agree.
const patienceWithRedis = 30 * time.Second

// RedisCluster is a Redis Cluster of three nodes without replicas.
type RedisCluster struct {
	Nodes []*Redis
}

// StartRedisCluster starts a cluster that ends with the test. A node that is restarted comes back with its slots, and empty.
func StartRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	const nodes, slots = 3, 16384
	c := new(RedisCluster)
	var buses []string
	for range nodes {
		var bus string
		if err := onFreePort(func(port int) error { bus = strconv.Itoa(port); return nil }); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf"))
		buses = append(buses, bus)
	}
	ctx := t.Context()
	for i, node := range c.Nodes {
		client := redis.NewClient(&redis.Options{Addr: node.Addr()})
		err := client.ClusterAddSlotsRange(ctx, i*slots/nodes, (i+1)*slots/nodes-1).Err()
		if host, port, _ := net.SplitHostPort(c.Nodes[0].Addr()); err == nil && i > 0 {
			err = client.Do(ctx, "CLUSTER", "MEET", host, port, buses[0]).Err()
		}
		_ = client.Close()
		if err != nil {
			t.Fatalf("make a Redis Cluster: %v", err)
		}
	}
	c.AwaitAll(t)
	return c
}

// URL returns the address of the cluster as Hookline takes it.
func (c *RedisCluster) URL() string { return "redis+cluster://" + c.Nodes[0].Addr() }

// AwaitAll waits until every node says that all slots are served and knows all nodes.
func (c *RedisCluster) AwaitAll(t testing.TB) {
	t.Helper()
	for _, node := range c.Nodes {
		client := redis.NewClient(&redis.Options{Addr: node.Addr()})
		Eventually(t, patienceWithRedis, func() bool {
			info, err := client.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(len(c.Nodes)))
		}, "the Redis Cluster works")
		_ = client.Close()
	}
}

// RedisSentinel is a Redis with a replica, and a sentinel that makes the replica the master when the master is gone.
type RedisSentinel struct {
	Master, Replica *Redis
	sentinel        *Redis
}

// StartRedisSentinel starts them; they end with the test.
func StartRedisSentinel(t testing.TB) *RedisSentinel {
	t.Helper()
	s := &RedisSentinel{Master: StartRedis(t)}
	host, port, _ := net.SplitHostPort(s.Master.Addr())
	s.Replica = StartRedis(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	s.await(t, s.Master, "connected_slaves:1")
	s.await(t, s.Replica, "master_link_status:up")
	s.sentinel = StartRedis(t, "--sentinel")
	client := redis.NewSentinelClient(&redis.Options{Addr: s.sentinel.Addr()})
	defer client.Close()
	err := client.Monitor(t.Context(), "hookline", host, port, "1").Err()
	for _, setting := range [][2]string{{"down-after-milliseconds", "1000"}, {"failover-timeout", "5000"}} {
		if err == nil {
			err = client.Set(t.Context(), "hookline", setting[0], setting[1]).Err()
		}
	}
	if err != nil {
		t.Fatalf("make a Redis Sentinel: %v", err)
	}
	Eventually(t, patienceWithRedis, func() bool {
		replicas, err := client.Replicas(t.Context(), "hookline").Result()
		return err == nil && len(replicas) == 1
	}, "the sentinel knows the replica")
	return s
}

func (s *RedisSentinel) await(t testing.TB, server *Redis, line string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	Eventually(t, patienceWithRedis, func() bool {
		info, err := client.Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, line)
	}, "Redis says %s", line)
}

// URL returns the address of the sentinel as Hookline takes it.
func (s *RedisSentinel) URL() string {
	return "redis+sentinel://" + s.sentinel.Addr() + "?master_name=hookline"
}

// AwaitFailOver waits until the replica has taken the place of the master, which must be gone.
func (s *RedisSentinel) AwaitFailOver(t testing.TB) {
	t.Helper()
	s.await(t, s.Replica, "role:master")
}
