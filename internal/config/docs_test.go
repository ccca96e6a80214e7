package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rows returns the cells of the tables in docs/configuration.md.
func rows(t *testing.T) (rows [][]string) {
	t.Helper()
	content, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// quoted returns what a cell has in backquotes.
func quoted(cell string) []string {
	found := []string{}
	for _, match := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cell, -1) {
		found = append(found, match[1])
	}
	return found
}

func TestDocumentationHasEveryKeyOnceWithItsVariableAndDefault(t *testing.T) {
	var names, variables []string
	for _, row := range rows(t) {
		names, variables = append(names, quoted(row[0])...), append(variables, quoted(row[1])...)
		if i := slices.IndexFunc(keys, func(k key) bool { return slices.Equal(quoted(row[0]), []string{k.name}) }); i >= 0 {
			k := keys[i]
			if k.name != "budget.windows" {
				require.Equal(t, k.variable, strings.Join(quoted(row[1]), " "), k.name)
			}
			for _, standard := range k.standard {
				require.Contains(t, row[3], "`"+standard+"`", k.name)
			}
			if len(k.standard) == 0 {
				require.NotContains(t, row[3], "://", k.name)
			}
		}
	}
	var want []string
	for _, k := range keys {
		want = append(want, k.name)
	}
	require.Equal(t, append(want, "healthAddress"), names)
	require.ElementsMatch(t, append(shortFormVariables(), fileVariable, healthVariable, deploymentVariable, buildIDVariable), variables)
}

func TestExampleFileIsValid(t *testing.T) {
	content, err := os.ReadFile("../../deploy/accounts.example.yaml")
	require.NoError(t, err)
	folder := t.TempDir()
	write(t, folder, "acme-client-secret", "canary")
	write(t, folder, "globex.pem", privatePEM(t))
	write(t, folder, "globex-platform.jwk", platformJWK(t))
	write(t, folder, "globex-aws-credentials", "[default]\naws_access_key_id = id\naws_secret_access_key = canary\n")
	config, err := readFileOf(t, t.TempDir(), strings.ReplaceAll(string(content), "/run/secrets", folder))
	require.NoError(t, err)
	require.Len(t, config.Accounts, 2)
}
