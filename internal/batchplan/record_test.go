package batchplan_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	bucket    = "recordings"
	recordKey = "calls/batches/2026-11/batch.json"
)

func openStore(t *testing.T) (*archive.Store, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, bucket)
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "canary-secret", ""),
	})
	require.NoError(t, err)
	return store, server
}

func aRecord() batchplan.Record {
	return batchplan.Record{
		Request: workflows.BatchRequest{
			BatchID: "2026-11", Source: &workflows.ObjectRef{Bucket: bucket, Key: "batches/in.csv"}, Priority: 3, Refetch: true,
			Policy: workflows.FetchPolicy{PollMin: time.Minute}, MaxFailures: workflows.FailureLimit{Percent: 5},
		},
		Plan: batch.Plan{Account: "a", Key: "calls/batches/2026-11/plan.txt", Bots: []batch.BotRange{{BotID: "st-1", End: 50, Sessions: 2}}, Sessions: 2, Duplicates: 1},
	}
}

func TestRecordIsReadAsItWasWritten(t *testing.T) {
	store, server := openStore(t)
	want := aRecord()
	require.NoError(t, batchplan.WriteRecord(t.Context(), store, want))
	require.Equal(t, []string{recordKey}, server.Keys(bucket))
	object, _ := server.Object(bucket, recordKey)
	require.Equal(t, "application/json", object.ContentType)
	got, err := batchplan.ReadRecord(t.Context(), store, "2026-11")
	require.NoError(t, err)
	require.Equal(t, &want, got)

	want.Request.Priority = 5
	require.NoError(t, batchplan.WriteRecord(t.Context(), store, want), "it is replaced")
	got, err = batchplan.ReadRecord(t.Context(), store, "2026-11")
	require.NoError(t, err)
	require.Equal(t, &want, got)
}

func TestRecordOfAsManyBotsAsAreAllowedIsRead(t *testing.T) {
	store, _ := openStore(t)
	want := aRecord()
	want.Plan.Bots = nil
	for i := range batchplan.MaxBots {
		want.Plan.Bots = append(want.Plan.Bots, batch.BotRange{BotID: fmt.Sprintf("st-%064d", i), Offset: 1e9, End: 1e9, Sessions: 1e6})
	}
	require.NoError(t, batchplan.WriteRecord(t.Context(), store, want))
	got, err := batchplan.ReadRecord(t.Context(), store, "2026-11")
	require.NoError(t, err)
	require.Equal(t, &want, got)
}

func TestMissingRecordIsMissing(t *testing.T) {
	store, _ := openStore(t)
	_, err := batchplan.ReadRecord(t.Context(), store, "2026-11")
	require.ErrorIs(t, err, archive.ErrMissing)
	require.ErrorContains(t, err, "s3://recordings/"+recordKey)
}

func TestInvalidRecordIsNamed(t *testing.T) {
	store, server := openStore(t)
	for body, want := range map[string]string{
		"":                                  "unexpected end",
		"{":                                 "unexpected end",
		"[]":                                "json: cannot unmarshal array",
		"{}":                                "it is not that of the batch",
		`{"request":{"batchId":"2026-11"}}`: "it is not that of the batch",
		`{"request":{"batchId":"2026-10"},"plan":{"key":"k"}}`:           "it is not that of the batch",
		`{"request":{"batchId":"2026-11","why":1},"plan":{"key":"k"}}`:   `unknown key "why"`,
		`{"request":{"batchId":"2026-11"}}` + strings.Repeat(" ", 1<<20): "it has more than 1048576 bytes",
	} {
		server.Set(bucket, recordKey, s3test.Object{Body: []byte(body)})
		got, err := batchplan.ReadRecord(t.Context(), store, "2026-11")
		require.ErrorContains(t, err, "the record s3://recordings/"+recordKey+" is not valid: "+want)
		require.NotErrorIs(t, err, archive.ErrMissing)
		require.Nil(t, got)
	}
}

func TestStoreThatFailsIsNoMissingRecord(t *testing.T) {
	store, server := openStore(t)
	require.NoError(t, batchplan.WriteRecord(t.Context(), store, aRecord()))
	requireUnavailable := func(err error) {
		failed, ok := failure.Of(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, failure.ArchiveUnavailable, failed.FailureKind())
		require.ErrorContains(t, err, "s3://recordings/"+recordKey)
	}
	server.Add(s3test.Rule{Operation: s3test.GetObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := batchplan.ReadRecord(t.Context(), store, "2026-11")
	requireUnavailable(err)
	server.Add(s3test.Rule{
		Operation: s3test.GetObject, Body: func(body []byte) []byte { return body[:10] },
		Header: func(header http.Header) { header.Set("Content-Length", "100") },
	})
	_, err = batchplan.ReadRecord(t.Context(), store, "2026-11")
	requireUnavailable(err)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	another := aRecord() // If the store had the same, it would not matter.
	another.Request.Priority++
	requireUnavailable(batchplan.WriteRecord(t.Context(), store, another))
}
