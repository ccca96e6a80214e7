package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// runbookURL is where the sections of the runbook are.
const runbookURL = "https://github.com/callvault/callvault/blob/main/docs/runbook.md#"

// alert is an alert of prometheus/rules.yml.
type alert struct {
	Name        string            `yaml:"alert"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readAlerts(t *testing.T) []alert {
	content, err := os.ReadFile("prometheus/rules.yml")
	require.NoError(t, err)
	var read struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(content, &read))
	var alerts []alert
	for _, group := range read.Groups {
		for _, rule := range group.Rules {
			if rule.Name != "" {
				alerts = append(alerts, rule)
			}
		}
	}
	return alerts
}

func TestEveryAlertSaysWhatItMeansAndWhereTheRunbookHasIt(t *testing.T) {
	for _, alert := range readAlerts(t) {
		require.Contains(t, []string{"critical", "warning"}, alert.Labels["severity"], alert.Name)
		require.NotEmpty(t, alert.Annotations["summary"], alert.Name)
		require.NotEmpty(t, alert.Annotations["description"], alert.Name)
		require.Equal(t, runbookURL+strings.ToLower(alert.Name), alert.Annotations["runbook_url"], alert.Name)
	}
}

func TestRunbookHasASectionForEveryAlertAndNoOther(t *testing.T) {
	content, err := os.ReadFile("../docs/runbook.md")
	require.NoError(t, err)
	var alerts, sections []string
	for _, alert := range readAlerts(t) {
		alerts = append(alerts, alert.Name)
	}
	for _, section := range regexp.MustCompile(`(?m)^## `).Split(string(content), -1)[1:] {
		title, text, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(title, "Callvault") {
			continue
		}
		sections = append(sections, title)
		for _, part := range []string{"**Means.**", "**Look at.**", "**Do.**", "**Ends**"} {
			require.Contains(t, text, part, title)
		}
	}
	require.Equal(t, alerts, sections, "the sections of the runbook, in the order of the rules")
}
