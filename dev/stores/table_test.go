package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const before = `# Stores

text

` + tableBegin + `

| | versitygw 1.8.0 | An earlier version |
| --- | --- | --- |
| PUT | yes | no |
| GET | no: 404 | – |

` + tableEnd + `

more text
`

func TestRunReplacesItsColumnAndKeepsTheOthers(t *testing.T) {
	table, err := parseTable(before)
	require.NoError(t, err)
	table.set(minio().title, []capability{{"PUT", "refused: 400"}, {"HEAD", "yes"}})
	after := table.replaceIn(before)
	require.Contains(t, after, "| PUT | yes | refused: 400 | – | – |\n")
	require.Contains(t, after, "| AWS S3 (from documentation, not run) | Cloudflare R2 (from documentation, not run) |\n")
	require.Contains(t, after, "| HEAD | – | yes |", "a row that is new")
	require.NotContains(t, after, "| GET |", "a row that is no longer tried")
	require.NotContains(t, after, "An earlier version", "a store that this program does not run")
	require.True(t, strings.HasPrefix(after, "# Stores\n\ntext\n\n"))
	require.True(t, strings.HasSuffix(after, "\n\nmore text\n"))

	again, err := parseTable(after)
	require.NoError(t, err)
	require.Equal(t, after, again.replaceIn(after), "what is written is what is read")
}

func TestDifferencesNameTheCell(t *testing.T) {
	table, err := parseTable(before)
	require.NoError(t, err)
	title := versitygw().title
	require.NoError(t, table.differences(title, []capability{{"PUT", "yes"}, {"GET", "no: 404"}}))

	err = table.differences(title, []capability{{"PUT", "ignored"}})
	require.ErrorContains(t, err, `versitygw 1.8.0, PUT: docs/stores.md says "yes", this run saw "ignored"`)
	require.ErrorContains(t, err, "versitygw 1.8.0, GET: docs/stores.md has a row that this run did not try")
}

func TestDocumentWithoutTheCommentsIsRefused(t *testing.T) {
	_, err := parseTable("# Stores\n")
	require.ErrorContains(t, err, "has lost the two comments around its table")
}

func TestDocumentedColumnsAreNeverTakenForRuns(t *testing.T) {
	for _, one := range documented {
		require.Contains(t, one.title, "(from documentation, not run)")
		for name, cell := range one.cells {
			require.Regexp(t, `\[\^[a-z0-9-]+\]$`, cell, "%s, %s: its source is missing", one.title, name)
		}
	}
}

func TestCapabilitiesAreReadFromTheOutputOfATest(t *testing.T) {
	seen, err := parseCapabilities("=== RUN   Test\n    {\"capability\":\"PUT\",\"seen\":\"yes: 412\"}\n--- PASS: Test (0.00s)\n")
	require.NoError(t, err)
	require.Equal(t, []capability{{"PUT", "yes: 412"}}, seen)
	_, err = parseCapabilities("PASS\n")
	require.ErrorContains(t, err, "no capabilities")
}

func TestVerdictsCountTheTestsOfTheSuite(t *testing.T) {
	passed, of, failed := verdicts("--- FAIL: TestConfiguredStoreConforms (1s)\n    --- PASS: TestConfiguredStoreConforms/a (0s)\n    --- FAIL: TestConfiguredStoreConforms/b (0s)\n")
	require.Equal(t, 1, passed)
	require.Equal(t, 2, of)
	require.Contains(t, failed, "TestConfiguredStoreConforms/b")
}
