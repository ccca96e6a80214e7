package observability

import (
	"errors"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/callvault/callvault/deploy"
)

// The files, in package deploy.
const (
	rulesFile     = "prometheus/rules.yml"
	dashboardFile = "grafana/callvault.json"
)

var promQL = parser.NewParser(parser.Options{})

// ReadRules reads the groups of rules, as strictly as Prometheus does.
func ReadRules() ([]rulefmt.RuleGroup, error) {
	content, err := deploy.Files.ReadFile(rulesFile)
	if err != nil {
		return nil, err
	}
	groups, faults := rulefmt.Parse(content, false, model.UTF8Validation, promQL)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", rulesFile, errors.Join(faults...))
	}
	return groups.Groups, nil
}
