package namespace_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/namespace"
	"github.com/callvault/callvault/workflows"
)

// The command is what a person copies out of an error text or the docs.
func TestTheCommandRegistersEveryAttributeOfTheContract(t *testing.T) {
	require.Equal(t, "temporal operator search-attribute create --namespace default"+
		" --name CallvaultBatch --type Keyword"+
		" --name CallvaultBot --type Keyword"+
		" --name CallvaultCallTime --type Datetime"+
		" --name CallvaultOutcome --type Keyword"+
		" --name CallvaultPhase --type Keyword",
		namespace.Command("default", workflows.SearchAttributeTypes()))
}

func TestTheCommandNamesOnlyWhatIsMissing(t *testing.T) {
	require.Equal(t, "temporal operator search-attribute create --namespace prod.a1b2c --name CallvaultBot --type Keyword",
		namespace.Command("prod.a1b2c", map[string]enumspb.IndexedValueType{"CallvaultBot": enumspb.INDEXED_VALUE_TYPE_KEYWORD}))
}
