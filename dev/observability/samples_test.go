package observability_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
)

// samples are series in memory, which Prometheus's query engine reads.
type samples struct {
	series map[uint64]*promql.Series
}

func newSamples() *samples { return &samples{series: make(map[uint64]*promql.Series)} }

// load adds a series in promtool's notation, such as "0x9 1+2x5 _ stale", with a sample every interval.
func (s *samples) load(t *testing.T, metric, values string, interval time.Duration) {
	t.Helper()
	of, sequence, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(metric + " " + values)
	require.NoError(t, err, metric)
	for i, value := range sequence {
		if !value.Omitted {
			s.add(of, time.Duration(i)*interval, value.Value)
		}
	}
}

// add appends a sample to a series. Samples of a series come in the order of their time.
func (s *samples) add(of labels.Labels, at time.Duration, value float64) {
	found := s.series[of.Hash()]
	if found == nil {
		found = &promql.Series{Metric: of}
		s.series[of.Hash()] = found
	}
	found.Floats = append(found.Floats, promql.FPoint{T: at.Milliseconds(), F: value})
}

func (s *samples) Querier(int64, int64) (storage.Querier, error) { return s, nil }

func (s *samples) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found seriesSet
	for _, series := range s.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series.Metric.Get(m.Name)) }) {
			found.rest = append(found.rest, promql.NewStorageSeries(*series))
		}
	}
	slices.SortFunc(found.rest, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &found
}

func (s *samples) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil // Queries need none.
}

func (s *samples) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (s *samples) Close() error { return nil }

// seriesSet goes through series once.
type seriesSet struct {
	now  storage.Series
	rest []storage.Series
}

func (s *seriesSet) Next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.now, s.rest = s.rest[0], s.rest[1:]
	return true
}

func (s *seriesSet) At() storage.Series                { return s.now }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
