package deployment_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// configurationVariables returns the variables that docs/configuration.md has in its tables; a test
// of the configuration holds them to those that the programs read.
func configurationVariables(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var variables []string
	quoted := regexp.MustCompile("`([A-Z0-9_]+)`")
	for line := range strings.Lines(string(content)) {
		if cells := strings.Split(line, "|"); len(cells) > 4 {
			for _, match := range quoted.FindAllStringSubmatch(cells[2], -1) {
				variables = append(variables, match[1])
			}
		}
	}
	require.Contains(t, variables, "S3_BUCKET")
	return variables
}

// requireKnown fails for a variable that no program of the image reads.
func requireKnown(t *testing.T, variables []string) {
	t.Helper()
	known := append(configurationVariables(t),
		"CALLVAULT_DEPLOYMENT", "CALLVAULT_BUILD_ID", // the worker's version
		"CALLVAULT_STARTER_COMMAND", "CALLVAULT_WORKER_COMMAND", // hints
		"CALLVAULT_LOG_FORMAT", "CALLVAULT_LOG_LEVEL", // the log
		"AWS_SHARED_CREDENTIALS_FILE", // the AWS chain
		"GOMEMLIMIT")                  // Go itself
	for _, variable := range variables {
		ofSDK := strings.HasPrefix(variable, "TEMPORAL_") || strings.HasPrefix(variable, "OTEL_")
		if !ofSDK && !slices.Contains(known, variable) {
			t.Errorf("%s is no variable of the programs", variable)
		}
	}
}
