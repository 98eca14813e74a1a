package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/internal/stream"
)

type metrics struct {
	attempts                                        *prometheus.CounterVec
	deliveries                                      *prometheus.CounterVec
	duration, latency                               prometheus.Histogram
	archived, scheduled, swept, takenOver, rejected prometheus.Counter
	backlog, unarchived                             prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	buckets := prometheus.ExponentialBuckets(0.001, 2, 18)
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hookline_attempts_total", Help: "Attempts, by outcome."}, []string{"outcome"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookline_delivery_states_total", Help: "States that deliveries came into, by status: put off and retried ones several times.",
		}, []string{"status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hookline_attempt_seconds", Help: "How long attempts take.", Buckets: buckets}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookline_attempt_queued_seconds", Help: "From when an attempt was due to its start.", Buckets: buckets,
		}),
		archived:   counter("hookline_results_archived_total", "Results written to the database."),
		scheduled:  counter("hookline_deliveries_scheduled_total", "Deliveries queued because their next attempt was due."),
		swept:      counter("hookline_deliveries_swept_total", "Lost deliveries that were queued again."),
		takenOver:  counter("hookline_work_taken_over_total", "Work entries taken over from workers that fell silent."),
		rejected:   counter("hookline_stream_entries_rejected_total", "Stream entries that could not be read, or that Redis had taken too late."),
		backlog:    gauge("hookline_work_backlog", "Work entries that no worker has taken."),
		unarchived: gauge("hookline_results_unarchived", "Results that wait for the database, in the partition that has the most."),
	}
	if registerer != nil {
		registerer.MustRegister(m.attempts, m.deliveries, m.duration, m.latency, m.archived, m.scheduled, m.swept, m.takenOver, m.rejected,
			m.backlog, m.unarchived)
	}
	return m
}

func (m *metrics) observe(r *stream.Result) {
	m.deliveries.WithLabelValues(string(r.Status)).Inc()
	if a := r.Attempt; a != nil {
		m.attempts.WithLabelValues(string(a.Outcome)).Inc()
		m.duration.Observe((time.Duration(a.TotalUs) * time.Microsecond).Seconds())
		m.latency.Observe((time.Duration(a.QueuedUs) * time.Microsecond).Seconds())
	}
}
