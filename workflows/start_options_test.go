package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestListsOfFetchesHoldNoPersonalData(t *testing.T) {
	request := workflows.FetchRequest{Session: session, UserID: "jane.doe@example.com", BatchID: "b1"}
	options := workflows.FetchStartOptions(request)
	for key, value := range options.TypedSearchAttributes.GetUntypedValues() {
		require.NotContains(t, fmt.Sprint(value), "jane", key.GetName())
	}
	require.NotContains(t, options.ID+options.StaticSummary+options.StaticDetails, "jane")
	require.Len(t, options.TypedSearchAttributes.GetUntypedValues(), 4, "all that is known at the start is set at the start")
}
