package observability_test

import (
	"context"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
	"github.com/stretchr/testify/require"
)

// evaluation evaluates rules as Prometheus does, by its query engine: one group after the other at every
// interval. What they record, and the series ALERTS of the alerts, are series that queries can read.
//
// Prometheus's own package for it would have the clients of three clouds compiled for a test.
type evaluation struct {
	t       *testing.T
	engine  *promql.Engine
	samples *samples
	rules   []*evaluated
}

// evaluated is a rule with what its last evaluation left.
type evaluated struct {
	rulefmt.Rule
	since   map[uint64]time.Duration // when each alert became active
	written map[uint64]labels.Labels
}

func newEvaluation(t *testing.T, engine *promql.Engine, groups []rulefmt.RuleGroup) *evaluation {
	e := &evaluation{t: t, engine: engine, samples: newSamples()}
	for _, group := range groups {
		for _, rule := range group.Rules {
			require.Zero(t, rule.KeepFiringFor, "%s: keep_firing_for is not implemented here", rule.Alert)
			e.rules = append(e.rules, &evaluated{Rule: rule})
		}
	}
	return e
}

func (e *evaluation) query(expr string, at time.Duration) promql.Vector {
	query, err := e.engine.NewInstantQuery(context.Background(), e.samples, nil, expr, time.UnixMilli(at.Milliseconds()))
	require.NoError(e.t, err, expr)
	defer query.Close()
	result := query.Exec(context.Background())
	vector, err := result.Vector()
	require.NoError(e.t, err, expr)
	return append(promql.Vector(nil), vector...)
}

// evaluate evaluates all rules at a time, which is later than any before.
func (e *evaluation) evaluate(at time.Duration) {
	for _, rule := range e.rules {
		result := e.query(rule.Expr, at)
		written := make(map[uint64]labels.Labels, len(result))
		write := func(of labels.Labels, value float64) {
			written[of.Hash()] = of
			e.samples.add(of, at, value)
		}
		if rule.Alert == "" {
			for _, sample := range result {
				write(rule.labels(sample.Metric, model.MetricNameLabel, rule.Record), sample.F)
			}
		} else {
			for _, alert := range rule.alerts(e, result, at) {
				write(alert, 1)
			}
		}
		for hash, of := range rule.written {
			if _, again := written[hash]; !again {
				e.samples.add(of, at, math.Float64frombits(value.StaleNaN))
			}
		}
		rule.written = written
	}
}

// alerts returns the series ALERTS of the samples for which the alert is active.
func (r *evaluated) alerts(e *evaluation, active promql.Vector, at time.Duration) []labels.Labels {
	since, alerts := make(map[uint64]time.Duration, len(active)), []labels.Labels(nil)
	for _, sample := range active {
		of := r.labels(sample.Metric, model.MetricNameLabel, "ALERTS", "alertname", r.Alert)
		began, ok := r.since[of.Hash()]
		if !ok {
			began = at
		}
		since[of.Hash()] = began
		state := "pending"
		if at-began >= time.Duration(r.For) {
			state = "firing"
			r.checkTexts(e, sample, at)
		}
		alerts = append(alerts, labels.NewBuilder(of).Set("alertstate", state).Labels())
	}
	r.since = since
	return alerts
}

// labels returns those of a sample with the rule's own and others, given as names and values.
func (r *evaluated) labels(of labels.Labels, others ...string) labels.Labels {
	builder := labels.NewBuilder(of).Del(model.MetricNameLabel)
	for name, value := range r.Labels {
		builder.Set(name, value)
	}
	for i := 0; i < len(others); i += 2 {
		builder.Set(others[i], others[i+1])
	}
	return builder.Labels()
}

// checkTexts checks that the annotations of an alert that fires name what they mean to name.
func (r *evaluated) checkTexts(e *evaluation, sample promql.Sample, at time.Duration) {
	data := template.AlertTemplateData(sample.Metric.Map(), nil, "", sample)
	for name, text := range r.Annotations {
		text = "{{$labels := .Labels}}{{$value := .Value}}" + text
		expanded, err := template.NewTemplateExpander(context.Background(), text, r.Alert, data, model.Time(at.Milliseconds()), nil, new(url.URL), []string{"missingkey=error"}).Expand()
		require.NoError(e.t, err, "%s, %s", r.Alert, name)
		require.NotContains(e.t, expanded, "NaN", r.Alert)
	}
}
