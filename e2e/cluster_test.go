package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// On a Redis Cluster everything works as on one Redis, also when a node comes back empty.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.StartRedisCluster(t)
	in := install(t, testenv.Postgres(t), cluster.URL(), "e2e")
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	release := holdSome(to.add(api, "one", nil, fields{"windowSize": 100}))
	to.add(api, "two", nil, fields{"windowSize": 100})
	watcher := watchLiveLog(t, server.url)
	watcher.awaitJoined(1)
	traffic := api.startTraffic(1000)
	to["two"].Wait(soon(t), 400)
	lost := cluster.Nodes[1]
	lost.Kill()
	traffic.awaitMore(50)
	lost.Restart()
	cluster.AwaitAll(t)
	release()
	api.awaitEvents(traffic.wait(), to.delivered)
	to.assertSigned(t)
	for _, w := range append(workers, server) {
		w.stop()
	}
}

// While a node of a Redis Cluster hangs, and no other takes its place, events are accepted and delivered as ever, except for what belongs to
// the partitions on that node; that comes when it goes on.
func TestRedisClusterNodeHangs(t *testing.T) {
	t.Parallel()
	cluster := testenv.StartRedisCluster(t)
	hanging := cluster.Nodes[2]
	hangs := make(map[int]bool) // partitions
	for _, node := range cluster.Nodes {
		client := redis.NewClient(&redis.Options{Addr: node.Addr()})
		defer client.Close()
		for setting, value := range map[string]string{"cluster-require-full-coverage": "no", "cluster-node-timeout": "120000"} {
			if err := client.ConfigSet(t.Context(), setting, value).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for partition := range partitions {
			err := client.Get(t.Context(), fmt.Sprintf("{e2e:%d}:epoch", partition)).Err()
			hangs[partition] = hangs[partition] || node == hanging && !redis.HasErrorPrefix(err, "MOVED")
		}
	}
	in := install(t, testenv.Postgres(t), cluster.URL(), "e2e")
	server, workers := in.startAll(2)
	api := server.api()
	streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: partitions}) // as the processes spread things
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	isHeld := func(of string) bool {
		_, parsed, err := id.Parse(of)
		if err != nil {
			t.Fatal(err)
		}
		return hangs[streams.PartitionOf(parsed)]
	}
	to := endpoints{}
	var free []*testenv.Receiver
	for len(free) == 0 || len(to) < 3 {
		key := fmt.Sprint("to", len(to))
		receiver := to.add(api, key, nil, fields{"windowSize": 100})
		var data struct{ NotificationProfile struct{ ID string } }
		api.must(`query ($key: Key!) { notificationProfile(by: {key: $key}) { id } }`, fields{"key": key}, &data)
		if !isHeld(data.NotificationProfile.ID) {
			free = append(free, receiver)
		}
	}
	traffic := api.startSteadyTraffic(0, 25*time.Millisecond)
	for _, receiver := range to {
		receiver.Wait(soon(t), 40)
	}
	hanging.Pause()
	paused := time.Now()
	before := len(traffic.accepted())
	traffic.awaitMore(300) // which takes 8 s
	inTime, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	held := 0
	for _, event := range traffic.accepted()[before:] {
		if isHeld(event) {
			held++
			continue
		}
		for _, receiver := range free {
			receiver.WaitFor(inTime, func([]testenv.Received) bool { return receiver.ByID()[event] > 0 })
		}
	}
	if n := len(traffic.accepted()) - before; held == 0 || held == n {
		t.Errorf("%d of %d events are in partitions that hang: this shows nothing", held, n)
	}
	for _, receiver := range free {
		var took []time.Duration
		for _, got := range receiver.Received() {
			if _, event, err := id.Parse(got.ID); err == nil && !isHeld(got.ID) && !got.At.Before(paused) {
				took = append(took, got.At.Sub(id.Time(event)))
			}
		}
		slices.Sort(took)
		if median := took[len(took)/2]; median > 500*time.Millisecond {
			t.Errorf("while a node hangs, events to others take %v", median)
		}
	}
	hanging.Continue()
	cluster.AwaitAll(t)
	api.awaitEvents(traffic.finish(), to.delivered)
	to.assertSigned(t)
	for _, w := range append(workers, server) {
		w.stop()
	}
}

// When a sentinel makes another Redis the master, everything goes on with it.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	sentinel := testenv.StartRedisSentinel(t)
	in := install(t, testenv.Postgres(t), sentinel.URL(), "e2e")
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	to.add(api, "one", nil, fields{"windowSize": 100})
	traffic := api.startTraffic(2000)
	to["one"].Wait(soon(t), 300)
	sentinel.Master.Kill()
	traffic.awaitMore(100)
	sentinel.AwaitFailOver(t)
	api.awaitEvents(traffic.wait(), to.delivered)
	to.assertSigned(t)
	for _, w := range append(workers, server) {
		w.stop()
	}
}
