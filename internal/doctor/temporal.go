package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

const (
	// leastRetention is the shortest retention of a namespace that leaves a batch time to count
	// its fetches for good. It does so every 10 minutes, while a worker runs: a day is an outage
	// that nobody has noticed before the next morning.
	leastRetention = 24 * time.Hour

	// recommendedRetention is as long as a fetch may wait by default (giveUpAfter), so that its
	// whole history is there when it ends, and what a batch started can be looked at.
	recommendedRetention = 720 * time.Hour
)

// temporal is the checks of Temporal and of the workers.
type temporal struct {
	section
	connect  func(context.Context) (*temporalclient.Connection, error)
	accounts []*account.Account

	connection *temporalclient.Connection // nil without a server
	namespace  *workflowservice.DescribeNamespaceResponse
	seen       []seenQueue
}

func (t *temporal) check(ctx context.Context) {
	t.run(ctx, TemporalServer, nil, t.server)
	t.run(ctx, TemporalNamespace, []Name{TemporalServer}, t.describe)
	t.run(ctx, TemporalRetention, []Name{TemporalServer, TemporalNamespace}, func(context.Context) Finding {
		return judgeRetention(t.namespace)
	})
	t.run(ctx, TemporalAttribute, []Name{TemporalServer, TemporalNamespace}, t.attributes)
	t.workers(ctx)
}

func (t *temporal) close() {
	if t.connection != nil {
		t.connection.Close()
	}
}

func (t *temporal) server(ctx context.Context) Finding {
	connection, err := t.connect(ctx)
	if err != nil {
		text, remedy, _ := strings.Cut(line(err), "): ")
		if remedy == "" {
			return broken("%s", text).wayOut("correct the TEMPORAL_ variables, or Temporal's configuration file")
		}
		return broken("%s)", text).wayOut("%s", remedy)
	}
	t.connection = connection
	info, err := connection.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return ok("%s responds", connection.Address)
	}
	return ok("%s responds (server %s)", connection.Address, info.GetServerVersion())
}

func (t *temporal) describe(ctx context.Context) Finding {
	name := t.connection.Namespace
	described, err := t.connection.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	switch {
	case isOneOf[*serviceerror.NamespaceNotFound](err):
		return broken("the namespace %q does not exist", name).wayOut("%s", t.connection.NamespaceRemedy())
	case isOneOf[*serviceerror.PermissionDenied](err):
		return ok("the namespace %q may not be described with these credentials, which is no hindrance", name)
	case err != nil:
		return broken("the namespace %q could not be described: %s", name, line(err)).wayOut("look at the Temporal server's log")
	}
	t.namespace = described
	switch described.GetNamespaceInfo().GetState() {
	case enumspb.NAMESPACE_STATE_DELETED:
		return broken("the namespace %q is being deleted", name).wayOut("%s", t.connection.NamespaceRemedy())
	case enumspb.NAMESPACE_STATE_DEPRECATED:
		return broken("the namespace %q is deprecated: no workflow can be started in it", name).wayOut("%s", t.connection.NamespaceRemedy())
	default:
		return ok("the namespace %q exists", name)
	}
}

// judgeRetention judges how long a namespace keeps what has ended; nil if it may not be described.
func judgeRetention(namespace *workflowservice.DescribeNamespaceResponse) Finding {
	retention := namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	switch {
	case namespace == nil:
		return skipped("it could not be found out: the namespace may not be described with these credentials").wayOut("ask who administers Temporal: %s is recommended", hours(recommendedRetention))
	case retention == 0:
		return ok("closed workflows are kept for good")
	case retention < leastRetention:
		return warning("closed workflows are kept for %s: if the workers stand still for longer, fetches that ended meanwhile are missing in a batch's counts until its report", hours(retention)).
			wayOut("temporal operator namespace update --namespace %s --retention %s", namespace.GetNamespaceInfo().GetName(), hours(recommendedRetention))
	case retention < recommendedRetention:
		return ok("closed workflows are kept for %s; %s is recommended, as long as a fetch may wait: then its whole history can be looked at", hours(retention), hours(recommendedRetention))
	}
	return ok("closed workflows are kept for %s", hours(retention))
}

func hours(d time.Duration) string { return fmt.Sprintf("%gh", d.Hours()) }

// attributes checks that the search attributes are registered, and that queries may name them.
func (t *temporal) attributes(ctx context.Context) Finding {
	namespace := t.connection.Namespace
	state, err := searchattr.StateOf(ctx, t.connection, namespace)
	if errors.Is(err, searchattr.ErrNotAllowed) {
		return t.attributesByQuery(ctx)
	}
	if err != nil {
		return broken("%s", line(err)).wayOut("look at the Temporal server's log")
	}
	if names := slices.Sorted(maps.Keys(state.Mistyped)); len(names) > 0 {
		return broken("%s is of type %s, not %s", names[0], state.Mistyped[names[0]], workflows.SearchAttributeTypes()[names[0]]).
			wayOut("%s, then %s setup", searchattr.RemoveCommand(namespace, names[0]), program.Command("starter"))
	}
	if names := slices.Sorted(maps.Keys(state.Missing)); len(names) > 0 {
		return broken("missing: %s; no fetch can be started", strings.Join(names, ", ")).
			wayOut("%s setup, or as an administrator: %s", program.Command("starter"), searchattr.Command(namespace, state.Missing))
	}
	return ok("all %d are registered", len(workflows.SearchAttributeTypes()))
}

// attributesByQuery is for those who may not list search attributes, as in Temporal Cloud.
func (t *temporal) attributesByQuery(ctx context.Context) Finding {
	namespace := t.connection.Namespace
	err := searchattr.Check(ctx, t.connection, namespace)
	switch {
	case err == nil:
		return ok("a query may name all %d", len(workflows.SearchAttributeTypes()))
	case isOneOf[*serviceerror.InvalidArgument](err):
		return broken("one or several are missing: %s", line(err)).
			wayOut("as an administrator: %s", searchattr.Command(namespace, workflows.SearchAttributeTypes()))
	}
	return skipped("it could not be found out: %s", line(err))
}
