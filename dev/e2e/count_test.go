package e2e_test

import (
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
)

// count returns how many workflows the server lists for a query.
func (h *harness) count(query string) int64 {
	h.t.Helper()
	counted, err := h.client.CountWorkflow(h.ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: h.name, Query: query})
	require.NoError(h.t, err)
	return counted.GetCount()
}
