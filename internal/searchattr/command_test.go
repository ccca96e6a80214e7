package searchattr_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/workflows"
)

// The command is what an administrator copies from an error text or the docs.
func TestCommandRegistersEveryAttribute(t *testing.T) {
	require.Equal(t, "temporal operator search-attribute create --namespace default"+
		" --name CallvaultBatch --type Keyword"+
		" --name CallvaultBot --type Keyword"+
		" --name CallvaultCallTime --type Datetime"+
		" --name CallvaultChecks --type Int"+
		" --name CallvaultOutcome --type Keyword"+
		" --name CallvaultPhase --type Keyword"+
		" --name CallvaultPurgeAt --type Datetime",
		searchattr.Command("default", workflows.SearchAttributeTypes()))
}

func TestCommandNamesOnlyWhatIsMissing(t *testing.T) {
	require.Equal(t, "temporal operator search-attribute create --namespace prod.a1b2c --name CallvaultBot --type Keyword",
		searchattr.Command("prod.a1b2c", map[string]enumspb.IndexedValueType{"CallvaultBot": enumspb.INDEXED_VALUE_TYPE_KEYWORD}))
}
