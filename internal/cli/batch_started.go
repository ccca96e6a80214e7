package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/workflows"
)

// start starts the batch. On a namespace where no worker has run yet, it first registers
// the search attributes.
func (b batches) start(ctx context.Context, request workflows.BatchRequest) (*workflows.BatchRun, error) {
	run, err := workflows.StartBatch(ctx, b.client, request)
	if !searchattr.IsMissing(err) {
		return run, err
	}
	if _, err := searchattr.Register(ctx, b.client, b.namespace); err != nil {
		return nil, err
	}
	return workflows.StartBatch(ctx, b.client, request)
}

func isAlreadyStarted(err error) bool {
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	return errors.As(err, &started)
}

// startedBatch is what a batch without --wait prints.
type startedBatch struct {
	BatchID    string               `json:"batchId"`
	WorkflowID string               `json:"workflowId"`
	RunID      string               `json:"runId"`
	Namespace  string               `json:"namespace"`
	Source     *workflows.ObjectRef `json:"source"`
	Sessions   int                  `json:"sessions"`
	Duplicates int                  `json:"duplicates"`
	Invalid    int                  `json:"invalid"`
}

func printStartedBatch(w io.Writer, output format, begun startedBatch) error {
	if output == formatJSON {
		return printJSON(w, begun)
	}
	_, err := io.WriteString(w, startedText(begun))
	return err
}

func startedText(begun startedBatch) string {
	var b strings.Builder
	fmt.Fprintf(&b, "started batch %s with %s sessions\n", begun.BatchID, count(begun.Sessions))
	fmt.Fprintf(&b, "  workflow %s, run %s\n", begun.WorkflowID, begun.RunID)
	if begun.Source != nil {
		fmt.Fprintf(&b, "  list s3://%s/%s\n", begun.Source.Bucket, begun.Source.Key)
	}
	fmt.Fprintf(&b, "  to follow it: %s\n", exampleBatch("status "+begun.BatchID+" --watch"))
	fmt.Fprintf(&b, "  to stop it for a while, or for good: %s, %s\n", exampleBatch("pause "+begun.BatchID), exampleBatch("cancel "+begun.BatchID))
	fmt.Fprintf(&b, "  to get its report: %s\n", exampleBatch("report "+begun.BatchID))
	return b.String()
}
