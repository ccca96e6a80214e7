package observability_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/callvault/callvault/deploy"
	"github.com/callvault/callvault/dev/observability"
)

// ruleTests is the file of promtool's rule tests, as far as ours uses its format.
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
type ruleTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []ruleTest     `yaml:"tests"`
}

type ruleTest struct {
	Name        string         `yaml:"name"`
	Interval    model.Duration `yaml:"interval"`
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Queries []ruleQuery `yaml:"promql_expr_test"`
}

type ruleQuery struct {
	Expr     string         `yaml:"expr"`
	EvalTime model.Duration `yaml:"eval_time"`
	Expected []struct {
		Labels string  `yaml:"labels"`
		Value  float64 `yaml:"value"`
	} `yaml:"exp_samples"`
}

func readRuleTests(t *testing.T) ruleTests {
	content, err := deploy.Files.ReadFile("prometheus/rules_test.yml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var read ruleTests
	require.NoError(t, decoder.Decode(&read))
	return read
}

// The same as `promtool test rules`, for machines without it.
func TestAlertsFireAndStaySilentAsTheirTestsSay(t *testing.T) {
	groups, err := observability.ReadRules()
	require.NoError(t, err)
	tests := readRuleTests(t)
	require.Equal(t, []string{"rules.yml"}, tests.RuleFiles)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { _ = engine.Close() })
	for _, test := range tests.Tests {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			evaluation := newEvaluation(t, engine, groups)
			for _, series := range test.InputSeries {
				evaluation.samples.load(t, series.Series, series.Values, time.Duration(test.Interval))
			}
			end := time.Duration(0)
			for _, query := range test.Queries {
				end = max(end, time.Duration(query.EvalTime))
			}
			for at := time.Duration(0); at <= end; at += time.Duration(tests.EvaluationInterval) {
				evaluation.evaluate(at)
			}
			for _, query := range test.Queries {
				require.Equal(t, query.expected(t), values(evaluation.query(query.Expr, time.Duration(query.EvalTime))), "%s at %s", query.Expr, query.EvalTime)
			}
		})
	}
}

func (q ruleQuery) expected(t *testing.T) map[string]float64 {
	expected := make(map[string]float64)
	for _, sample := range q.Expected {
		of, err := parser.NewParser(parser.Options{}).ParseMetric(sample.Labels)
		require.NoError(t, err)
		expected[of.String()] = sample.Value
	}
	return expected
}

func values(vector promql.Vector) map[string]float64 {
	values := make(map[string]float64)
	for _, sample := range vector {
		values[sample.Metric.String()] = sample.F
	}
	return values
}

func TestEveryAlertHasATestInWhichItFiresAndOneInWhichItIsSilent(t *testing.T) {
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, test := range readRuleTests(t).Tests {
		firesHere := make(map[string]bool)
		for _, query := range test.Queries {
			alert := firingAlert(t, query.Expr)
			firesHere[alert] = firesHere[alert] || len(query.Expected) > 0
		}
		for alert, fired := range firesHere {
			fires[alert], silent[alert] = fires[alert] || fired, silent[alert] || !fired
		}
	}
	groups, err := observability.ReadRules()
	require.NoError(t, err)
	for _, group := range groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				require.True(t, fires[rule.Alert], "no test lets %s fire", rule.Alert)
				require.True(t, silent[rule.Alert], "no test has %s silent", rule.Alert)
			}
		}
	}
}

// firingAlert returns the name in ALERTS{alertname="…", alertstate="firing"}.
func firingAlert(t *testing.T, expr string) string {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(expr)
	require.NoError(t, err)
	of := make(map[string]string)
	for _, m := range matchers {
		require.Equal(t, labels.MatchEqual, m.Type)
		of[m.Name] = m.Value
	}
	require.Equal(t, "ALERTS", of[model.MetricNameLabel])
	require.Equal(t, "firing", of["alertstate"])
	return of["alertname"]
}
