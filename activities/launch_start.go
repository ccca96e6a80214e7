package activities

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
)

// manifests returns which of the sessions have one.
func (p *launchPass) manifests(ctx context.Context, rows []batchplan.Row) (map[workflows.Session]bool, error) {
	sessions := make([]workflows.Session, 0, len(rows))
	for _, row := range rows {
		sessions = append(sessions, row.Session)
	}
	return p.served.Store.Manifests(ctx, sessions)
}

// start starts those of the sessions that have no manifest, and returns how many.
func (p *launchPass) start(ctx context.Context, rows []batchplan.Row, found map[workflows.Session]bool) (int, error) {
	var mu sync.Mutex
	started := 0
	var all errgroup.Group
	all.SetLimit(startsAtOnce)
	for _, row := range rows {
		all.Go(func() error {
			took, err := p.startOne(ctx, row.BatchSession, found[row.Session])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if took.found {
				p.launched.Found++
				return nil
			}
			p.launched.Started++
			started++
			if took.attached {
				p.launched.Attached++
			}
			return nil
		})
	}
	err := all.Wait()
	return started, err
}

// took is what became of a session's turn.
type took struct {
	found    bool // it has a manifest
	attached bool // somebody else is fetching it
}

// startOne starts the fetch of a session, unless its manifest makes that needless.
func (p *launchPass) startOne(ctx context.Context, session workflows.BatchSession, hasManifest bool) (took, error) {
	if ctx.Err() != nil {
		return took{}, ctx.Err()
	}
	if hasManifest && p.retried {
		if ours, err := p.isOurs(ctx, session.Session); ours || err != nil {
			return took{}, err // An earlier attempt of the pass has started it, and it has ended since.
		}
	}
	if hasManifest && p.input.Refetch {
		manifest, _, err := p.served.Store.ReadManifest(ctx, session.Session)
		if err != nil && !errors.Is(err, archive.ErrInvalidManifest) {
			return took{}, err
		}
		hasManifest = manifest != nil && manifest.Outcome == string(workflows.OutcomeArchived)
	}
	if hasManifest {
		return took{found: true}, nil
	}
	request := workflows.BatchRequest{BatchID: p.input.BatchID, Policy: p.input.Policy, Priority: p.input.Priority, Refetch: p.input.Refetch}
	run, err := workflows.StartFetchAs(ctx, p.client, request.FetchRequest(session), p.input.Flow)
	if err != nil || !run.Attached {
		return took{}, err
	}
	ours, err := p.isOurs(ctx, session.Session)
	if err != nil {
		return took{}, err
	}
	return took{attached: !ours}, nil
}

// isOurs reports whether the session's latest fetch was started by this batch.
func (p *launchPass) isOurs(ctx context.Context, session workflows.Session) (bool, error) {
	described, err := p.client.DescribeWorkflow(ctx, session.FetchWorkflowID(), "")
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	batchID, _ := described.TypedSearchAttributes.GetKeyword(workflows.SearchAttributeBatch)
	return batchID == p.input.BatchID && !described.WorkflowStartTime.Before(p.input.StartedAt), nil
}
