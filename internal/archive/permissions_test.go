package archive_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
)

// The policy that operators apply, and the docs that they read, say the same as
// the code.
func TestPermissionsAreTheSameEverywhere(t *testing.T) {
	want := slices.Sorted(slices.Values(archive.Permissions))

	file, err := os.ReadFile("../../deploy/archive-policy.json")
	require.NoError(t, err)
	var policy struct{ Statement []struct{ Action []string } }
	require.NoError(t, json.Unmarshal(file, &policy))
	var granted []string
	for _, statement := range policy.Statement {
		granted = append(granted, statement.Action...)
	}
	require.Equal(t, want, slices.Sorted(slices.Values(granted)))

	docs, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	named := slices.Sorted(slices.Values(regexp.MustCompile(`s3:[A-Za-z]+`).FindAllString(string(docs), -1)))
	all := slices.Sorted(slices.Values(slices.Concat(archive.Permissions, archive.OptionalPermissions)))
	require.Equal(t, all, slices.Compact(named))
}
