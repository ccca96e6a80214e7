// Package searchattr registers the search attributes of callvault's workflows in
// a Temporal namespace, and checks that they are there.
package searchattr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/workflows"
)

// ErrNotAllowed means that the connection's identity may not register search
// attributes; an administrator may.
var ErrNotAllowed = errors.New("not allowed")

const (
	// knownTimeout bounds the wait for a registration to reach the servers'
	// caches, which they renew every few seconds.
	knownTimeout = 30 * time.Second
	knownPause   = 100 * time.Millisecond
)

// Register registers the search attributes that callvault's workflows set,
// waits until the server accepts them, and returns the names of those that were
// missing. It may run any number of times, on several machines at once. If it
// may not register them, or an attribute exists with another type, its error
// names the command that fixes it.
func Register(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	added, err := addMissing(ctx, c.OperatorService(), namespace)
	if errors.Is(err, ErrNotAllowed) && Check(ctx, c, namespace) == nil {
		return nil, nil // An administrator has registered them.
	}
	if err != nil {
		return nil, err
	}
	return added, awaitKnown(ctx, c, namespace)
}

// addMissing registers what is missing and returns its names.
func addMissing(ctx context.Context, operator operatorservice.OperatorServiceClient, namespace string) ([]string, error) {
	listed, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, explain(err, namespace, workflows.SearchAttributeTypes())
	}
	state := stateIn(listed.GetCustomAttributes())
	if names := slices.Sorted(maps.Keys(state.Mistyped)); len(names) > 0 {
		name := names[0]
		return nil, fmt.Errorf("the search attribute %s of namespace %q is %s, not %s: remove it (%s) and run this again",
			name, namespace, state.Mistyped[name], workflows.SearchAttributeTypes()[name], RemoveCommand(namespace, name))
	}
	missing := state.Missing
	if len(missing) == 0 {
		return nil, nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        namespace,
		SearchAttributes: missing,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) { // Another worker may have added them.
		return nil, explain(err, namespace, missing)
	}
	return slices.Sorted(maps.Keys(missing)), nil
}

// awaitKnown waits until a query that names all attributes is accepted: a
// workflow that is started before would be refused.
func awaitKnown(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, knownTimeout)
	defer cancel()
	ticker := time.NewTicker(knownPause)
	defer ticker.Stop()
	for {
		err := Check(ctx, c, namespace)
		var unknown *serviceerror.InvalidArgument
		if !errors.As(err, &unknown) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("namespace %q does not accept callvault's search attributes %s after their registration: %w; run this again", namespace, knownTimeout, err)
		case <-ticker.C:
		}
	}
}

// Check returns an error if the server does not accept a query that names all
// attributes; it is a serviceerror.InvalidArgument if one is missing.
func Check(ctx context.Context, c client.Client, namespace string) error {
	var conditions []string
	for _, name := range slices.Sorted(maps.Keys(workflows.SearchAttributeTypes())) {
		conditions = append(conditions, name+" IS NULL")
	}
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: strings.Join(conditions, " AND ")})
	return err
}

// State is which of callvault's search attributes a namespace has.
type State struct {
	// Missing are those that it has not, with their types.
	Missing map[string]enumspb.IndexedValueType
	// Mistyped are those that it has with another type, with that.
	Mistyped map[string]enumspb.IndexedValueType
}

// StateOf returns which of the search attributes the namespace has. Its error is [ErrNotAllowed]
// if the server does not list them; [Check] tells of them all.
func StateOf(ctx context.Context, c client.Client, namespace string) (State, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return State{}, explain(err, namespace, workflows.SearchAttributeTypes())
	}
	return stateIn(listed.GetCustomAttributes()), nil
}

func stateIn(registered map[string]enumspb.IndexedValueType) State {
	state := State{make(map[string]enumspb.IndexedValueType), make(map[string]enumspb.IndexedValueType)}
	for name, want := range workflows.SearchAttributeTypes() {
		switch got, exists := registered[name]; {
		case !exists:
			state.Missing[name] = want
		case got != want:
			state.Mistyped[name] = got
		}
	}
	return state
}

// explain adds the remedy: the command for somebody who may run it.
func explain(err error, namespace string, attributes map[string]enumspb.IndexedValueType) error {
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	if !errors.As(err, &denied) && !errors.As(err, &unimplemented) {
		return fmt.Errorf("register the search attributes of namespace %q: %w", namespace, err)
	}
	return fmt.Errorf("register the search attributes of namespace %q: %w (%w); ask an administrator to run:\n  %s",
		namespace, ErrNotAllowed, err, Command(namespace, attributes))
}

// Command returns the command of the temporal CLI that registers attributes.
func Command(namespace string, attributes map[string]enumspb.IndexedValueType) string {
	var b strings.Builder
	fmt.Fprintf(&b, "temporal operator search-attribute create --namespace %s", namespace)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&b, " --name %s --type %s", name, attributes[name])
	}
	return b.String()
}

// RemoveCommand returns the command of the temporal CLI that removes an attribute.
func RemoveCommand(namespace, name string) string {
	return fmt.Sprintf("temporal operator search-attribute remove --namespace %s --name %s", namespace, name)
}

// IsMissing reports whether a workflow could not be started because the
// namespace lacks callvault's search attributes.
func IsMissing(err error) bool {
	var invalid *serviceerror.InvalidArgument
	return errors.As(err, &invalid) && strings.Contains(invalid.Error(), "Callvault")
}
