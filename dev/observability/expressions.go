package observability

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// Expression is one PromQL expression of a rule or a panel.
type Expression struct {
	Where string // the alert or the panel
	Text  string

	// Legend is the legend of a panel's query; its labels have to exist too.
	Legend string
}

// Need is a metric that an expression reads, with the labels by which it selects, groups or joins it, sorted.
type Need struct {
	Where  string
	Metric string
	Labels []string
}

// Expressions returns those of the rules and of the dashboard.
func Expressions() ([]Expression, error) {
	groups, err := ReadRules()
	if err != nil {
		return nil, err
	}
	var all []Expression
	for _, group := range groups {
		for _, rule := range group.Rules {
			all = append(all, Expression{Where: rule.Alert + rule.Record, Text: rule.Expr})
		}
	}
	read, err := ReadDashboard()
	if err != nil {
		return nil, err
	}
	for _, panel := range Panels(read) {
		for _, query := range Queries(panel) {
			e := Expression{Where: fmt.Sprintf("panel %q", *panel.Title), Text: withoutVariables(query.Expr)}
			if query.LegendFormat != nil {
				e.Legend = *query.LegendFormat
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// Needs returns what the expressions read of a scrape, without what the rules record themselves.
func Needs(expressions []Expression) ([]Need, error) {
	recorded := make(map[string]bool)
	for _, e := range expressions {
		recorded[e.Where] = true
	}
	var needs []Need
	for _, e := range expressions {
		of, err := e.needs()
		if err != nil {
			return nil, err
		}
		needs = append(needs, slices.DeleteFunc(of, func(n Need) bool { return recorded[n.Metric] })...)
	}
	return needs, nil
}

func (e Expression) needs() ([]Need, error) {
	root, err := promQL.ParseExpr(e.Text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Where, err)
	}
	var needs []Need
	err = parser.Walk(selectors(func(selector *parser.VectorSelector, labels map[string]bool) error {
		for _, matcher := range selector.LabelMatchers {
			labels[matcher.Name] = true
		}
		for _, label := range legendLabel.FindAllStringSubmatch(e.Legend, -1) {
			labels[label[1]] = true
		}
		delete(labels, model.MetricNameLabel)
		if selector.Name == "" {
			return fmt.Errorf("%s: %s names no metric", e.Where, selector)
		}
		needs = append(needs, Need{Where: e.Where, Metric: selector.Name, Labels: slices.Sorted(maps.Keys(labels))})
		return nil
	}), root, nil)
	return needs, err
}

// selectors visits every selector with the labels by which what is around it groups and joins.
type selectors func(selector *parser.VectorSelector, labels map[string]bool) error

func (visit selectors) Visit(node parser.Node, path []parser.Node) (parser.Visitor, error) {
	selector, ok := node.(*parser.VectorSelector)
	if !ok {
		return visit, nil
	}
	labels := make(map[string]bool)
	for _, around := range path {
		switch around := around.(type) {
		case *parser.AggregateExpr:
			if !around.Without {
				add(labels, around.Grouping)
			}
		case *parser.BinaryExpr:
			if around.VectorMatching != nil && around.VectorMatching.On {
				add(labels, around.VectorMatching.MatchingLabels)
			}
		}
	}
	return visit, visit(selector, labels)
}

func add(labels map[string]bool, names []string) {
	for _, name := range names {
		labels[name] = true
	}
}

var (
	legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

	// variable is one of Grafana's in an expression.
	variable = regexp.MustCompile(`\$\{?\w+(:\w+)?\}?`)
)

// withoutVariables puts something in place of Grafana's variables that makes the expression PromQL.
func withoutVariables(expr string) string {
	return variable.ReplaceAllStringFunc(expr, func(name string) string {
		switch strings.Trim(name, "${}") {
		case "__rate_interval", "__interval", "__range":
			return "5m"
		default:
			return ".*"
		}
	})
}
