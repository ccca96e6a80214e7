package batchreport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	bucket  = "recordings"
	botID   = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	planKey = "calls/batches/2026-11/plan.txt"
)

var (
	callTime = time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC)
	started  = time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC)
	finished = time.Date(2024, 3, 5, 13, 1, 0, 0, time.UTC)
)

// harness is an archive with a plan.
type harness struct {
	t      *testing.T
	store  *archive.Store
	server *s3test.Server
	plan   batch.Plan
}

// newHarness stores the plan of so many sessions of one bot.
func newHarness(t *testing.T, sessions int) *harness {
	t.Helper()
	server := s3test.New(t, bucket)
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "canary-secret", ""),
	})
	require.NoError(t, err)
	h := &harness{t: t, store: store, server: server}
	builder := batchplan.NewBuilder()
	for i := range sessions {
		require.NoError(t, builder.Add(workflows.BatchSession{Session: sessionOf(i)}))
	}
	h.setPlan(builder)
	return h
}

func (h *harness) setPlan(builder *batchplan.Builder) {
	h.t.Helper()
	plan := builder.Build(finished, 0)
	text, err := io.ReadAll(plan.Text())
	require.NoError(h.t, err)
	h.server.Set(bucket, planKey, s3test.Object{Body: text})
	h.plan = batch.Plan{Account: "a", Key: planKey, Bots: plan.Bots, Sessions: plan.Sessions}
}

// sessionOf returns a session of a number; those of higher numbers come later in the plan.
func sessionOf(i int) workflows.Session {
	return workflows.Session{BotID: botID, SessionID: fmt.Sprintf("65e7133a%016x", i)}
}

func (h *harness) folder(session workflows.Session) string {
	folder, err := h.store.Folder(session)
	require.NoError(h.t, err)
	return folder
}

// file is one of a session's files.
func (h *harness) file(session workflows.Session, name string, bytes int64) archive.File {
	return archive.File{FileName: name, Key: h.folder(session) + name, Bytes: bytes, SHA256: strings.Repeat(name[:1], 64)}
}

// setManifest stores the manifest of a session.
func (h *harness) setManifest(session workflows.Session, outcome workflows.Outcome, reason string, files ...archive.File) {
	h.t.Helper()
	body, err := json.Marshal(archive.Manifest{
		Version: 1, Session: session, Outcome: string(outcome), Reason: reason, Files: files,
		CallTime: callTime, StatusChecks: 3, StartedAt: started.In(time.FixedZone("", 3600)), FinishedAt: finished,
	})
	require.NoError(h.t, err)
	h.server.Set(bucket, h.folder(session)+archive.ManifestName, s3test.Object{Body: body})
}

// walk returns the rows of the plan, and what is unfinished of them.
func (h *harness) walk(explain batchreport.Explain) (rows []batchreport.Row, unfinished map[int]batchreport.Unfinished, err error) {
	unfinished = make(map[int]batchreport.Unfinished)
	err = batchreport.Walk(h.t.Context(), h.store, h.plan, explain, func(row batchreport.Row, why *batchreport.Unfinished) error {
		if why != nil {
			unfinished[len(rows)] = *why
		}
		rows = append(rows, row)
		return nil
	})
	return rows, unfinished, err
}

// notNeeded explains nothing, because every session has a manifest.
func notNeeded(_ context.Context, session workflows.Session, _ int, _ int64) (batchreport.Unfinished, error) {
	panic("explain " + session.SessionID)
}

func always(why batchreport.Unfinished) batchreport.Explain {
	return func(context.Context, workflows.Session, int, int64) (batchreport.Unfinished, error) { return why, nil }
}
