package archive_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
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

// What the doctor asks for beside them.
func TestPermissionsForSettingsAreTheSameEverywhere(t *testing.T) {
	file, err := os.ReadFile("../../deploy/doctor-policy.json")
	require.NoError(t, err)
	var policy struct{ Statement []struct{ Action []string } }
	require.NoError(t, json.Unmarshal(file, &policy))
	require.Len(t, policy.Statement, 1)
	require.Equal(t, archive.SettingPermissions, policy.Statement[0].Action)
	docs, err := os.ReadFile("../../docs/doctor.md")
	require.NoError(t, err)
	for _, action := range archive.SettingPermissions {
		require.Contains(t, string(docs), "`"+action+"`")
	}
}

// The same of what some options need alone: a statement for each of them.
func TestPermissionsOfTheOptionsAreTheSameEverywhere(t *testing.T) {
	file, err := os.ReadFile("../../deploy/archive-policy-options.json")
	require.NoError(t, err)
	var policy struct {
		Statement []struct {
			Sid    string
			Action []string
		}
	}
	require.NoError(t, json.Unmarshal(file, &policy))
	docs, err := os.ReadFile("../../docs/archive.md")
	require.NoError(t, err)
	require.Len(t, policy.Statement, len(archive.OptionPermissions))
	for i, option := range archive.OptionPermissions {
		require.Equal(t, option.Name, policy.Statement[i].Sid)
		require.Equal(t, option.Actions, policy.Statement[i].Action)
		for _, action := range option.Actions {
			require.True(t, strings.Contains(string(docs), "`"+action+"`"), action)
		}
	}
}

// Who listens needs less than a worker, and writes into the folder of the records alone.
func TestReadersMayReadAndRecordAlone(t *testing.T) {
	file, err := os.ReadFile("../../deploy/reader-policy.json")
	require.NoError(t, err)
	var policy struct {
		Statement []struct{ Action, Resource []string }
	}
	require.NoError(t, json.Unmarshal(file, &policy))
	for _, statement := range policy.Statement {
		for _, action := range statement.Action {
			require.Contains(t, archive.Permissions, action)
			if action != "s3:GetObject" && action != "s3:ListBucket" {
				require.Equal(t, "s3:PutObject", action)
				require.Equal(t, []string{"arn:aws:s3:::BUCKET/PREFIXopened/*"}, statement.Resource)
			}
		}
	}
}
