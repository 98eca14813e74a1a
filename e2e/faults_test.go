package e2e

import (
	"slices"
	"time"

	"github.com/hookline/hookline/internal/testenv"
)

// The faults. Each happens while events are published and delivered, and has been repaired when its function returns.

// silence is how long a frozen process is silent: longer than the 4 s for which a worker counts as alive, and than the 5 s for which its
// share of a window does.
func (c *chaos) silence() time.Duration { return c.between(5500*time.Millisecond, 8*time.Second) }

// workersDie kills workers at random times, and starts others.
func workersDie(rounds int) func(*chaos) {
	return func(c *chaos) {
		for range rounds {
			c.awaitSome(50, 200)
			c.killWorker(c.random.IntN(len(c.workers)))
			c.awaitSome(1, 100)
			c.startWorker()
		}
	}
}

// killWorker kills a worker, of which there is another one.
func (c *chaos) killWorker(i int) {
	c.t.Helper()
	c.workers[i].kill()
	c.workers = slices.Delete(c.workers, i, i+1)
}

// inTurn lets several faults happen.
func inTurn(faults ...func(*chaos)) func(*chaos) {
	return func(c *chaos) {
		for _, happens := range faults {
			happens(c)
		}
	}
}

func workersFreeze(rounds int) func(*chaos) {
	return func(c *chaos) {
		for range rounds {
			c.awaitSome(50, 200)
			w := c.workers[c.random.IntN(len(c.workers))]
			w.freeze()
			<-time.After(c.silence())
			w.thaw()
			c.awaitSome(50, 200)
		}
	}
}

func serverDies(rounds int) func(*chaos) {
	return func(c *chaos) {
		for range rounds {
			c.awaitSome(50, 200)
			c.server.kill()
			c.startServer()
		}
		c.awaitSome(50, 200)
	}
}

func serverFreezes(rounds int) func(*chaos) {
	return func(c *chaos) {
		for range rounds {
			c.awaitSome(50, 200)
			c.server.freeze()
			<-time.After(c.silence())
			c.server.thaw()
		}
		c.awaitSome(50, 200)
	}
}

// workerDiesAt kills a worker when a trap has caught what it says, or is told.
func workerDiesAt(t trap) func(*chaos) {
	return func(c *chaos) {
		c.awaitSome(50, 200)
		line := c.workers[0].line
		line.lay(&t)
		line.awaitCaught(c.t)
		c.killWorker(0)
		c.startWorker()
		c.awaitSome(20, 50)
	}
}

// workersDieWaiting kills both workers while endpoints hold a window of answers back, one of them a window of buckets.
func workersDieWaiting(c *chaos) {
	slow, buckets := c.ends["slow"], c.ends["buckets"]
	releaseSlow, releaseBuckets := slow.hold(), buckets.hold()
	beforeSlow, beforeBuckets := len(slow.Received()), len(buckets.Received())
	slow.Wait(soon(c.t), beforeSlow+chaosWindow)
	buckets.Wait(soon(c.t), beforeBuckets+chaosWindow)
	c.awaitSome(20, 50)
	c.killWorker(0)
	c.killWorker(0)
	releaseSlow()
	releaseBuckets()
	c.startWorker()
	c.startWorker()
	c.awaitSome(20, 50)
}

// answersGetLost cuts connections between workers that go on and Redis, at every step.
func answersGetLost(times int) func(*chaos) {
	return func(c *chaos) {
		for _, t := range []trap{workComes, resultGoes, resultWritten, archivedGoes} {
			for _, w := range c.workers {
				t := t.cutting(times)
				w.line.lay(&t)
			}
			for _, w := range c.workers {
				w.line.awaitCaught(c.t)
			}
			c.awaitSome(20, 50)
		}
	}
}

// serverMissesAnswers cuts connections between the server and Redis when work goes to Redis, and when Redis has it.
func serverMissesAnswers(times int) func(*chaos) {
	return func(c *chaos) {
		for _, t := range []trap{workGoes, workWritten} {
			t := t.cutting(times)
			c.server.line.lay(&t)
			c.server.line.awaitCaught(c.t)
			c.awaitSome(20, 50)
		}
	}
}

func redisDies(c *chaos) {
	c.awaitSome(100, 200)
	c.redis.Kill()
	c.awaitSome(50, 100)
	c.redis.Restart()
	c.awaitSome(50, 100)
}

func redisForgets(c *chaos) {
	c.awaitSome(100, 200)
	c.redis.Flush()
	c.awaitSome(50, 100)
}

func redisPauses(c *chaos) {
	c.awaitSome(100, 200)
	c.redis.Pause()
	<-time.After(2 * c.silence())
	c.redis.Continue()
	c.awaitSome(50, 100)
}

func databaseDies(c *chaos) {
	c.awaitSome(100, 200)
	c.database.StopImmediate()
	c.traffic.awaitRefused(10)
	c.database.Start()
	c.awaitSome(100, 200)
}

// endpointDown has an endpoint refuse connections until there is a backlog.
func endpointDown(backlog int) func(*chaos) {
	return func(c *chaos) {
		listener, err := testenv.Listen()
		if err != nil {
			c.t.Fatal(err)
		}
		addr := listener.Addr().String()
		listener.Close()
		e := &endpoint{}
		c.subscribeAt("down", "http://"+addr, nil, delays("PT3S", "PT5S", "PT8S", "PT8S", "PT8S", "PT8S", "PT8S", "PT8S", "PT8S"), e)
		c.traffic.awaitMore(backlog)
		newProxyAt(c.t, addr, e.URL())
	}
}
