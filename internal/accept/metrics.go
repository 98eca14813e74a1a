package accept

import "github.com/prometheus/client_golang/prometheus"

// Metrics is where an Accepter counts; nil counts nowhere.
type Metrics = prometheus.Registerer

type metrics struct {
	accepted, duplicates, refused, overloaded, leftToSweeper prometheus.Counter
	commits                                                  prometheus.Histogram
}

func newMetrics(registerer Metrics) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		if registerer != nil {
			registerer.MustRegister(c)
		}
		return c
	}
	m := &metrics{
		accepted:      counter("hookline_events_accepted_total", "Events committed."),
		duplicates:    counter("hookline_events_duplicate_total", "Events whose idempotency key was known."),
		refused:       counter("hookline_events_refused_total", "Events refused for what is wrong with them."),
		overloaded:    counter("hookline_publish_overloaded_total", "Requests refused because commits were behind."),
		leftToSweeper: counter("hookline_events_left_to_sweeper_total", "Events that could not be put into a work stream at once."),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookline_commit_seconds", Help: "How long commits of events take.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.commits)
	}
	return m
}
