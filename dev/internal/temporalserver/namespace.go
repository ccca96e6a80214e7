package temporalserver

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// frontendPoll is the interval between checks whether the server responds.
const frontendPoll = 20 * time.Millisecond

// awaitNamespace returns when the server serves the namespace. It also updates the
// retention, because creating a namespace that exists does not.
func awaitNamespace(ctx context.Context, address, name string, retention time.Duration) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:  address,
		Namespace: name,
		Logger:    sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("temporal server: client for %s: %w", address, err)
	}
	defer c.Close()

	described, err := describe(ctx, c.WorkflowService(), name)
	if err != nil {
		return err
	}
	if described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == retention {
		return nil
	}
	_, err = c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: name,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	})
	if err != nil {
		return fmt.Errorf("temporal server: namespace %q: retention cannot be set to %s: %w", name, retention, err)
	}
	return nil
}

func describe(ctx context.Context, service workflowservice.WorkflowServiceClient, name string) (*workflowservice.DescribeNamespaceResponse, error) {
	tick := time.NewTicker(frontendPoll)
	defer tick.Stop()
	for {
		resp, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
		if err == nil {
			return resp, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("temporal server: namespace %q is not served: %w", name, err)
		case <-tick.C:
		}
	}
}
