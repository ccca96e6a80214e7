package system

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// leakCheckTimeout bounds the search for secrets after a test.
const leakCheckTimeout = 20 * time.Second

// credentialPatterns match credentials of unknown value: the start of a JWT's
// header, a JWT, the path of a media URL, and the padding of its signature.
var credentialPatterns = []*regexp.Regexp{
	regexp.MustCompile(`eyJhbGciOi`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`),
	regexp.MustCompile(`getMediaStream`),
	regexp.MustCompile(`[&?]s=|\$\$|%24%24`),
}

// Leaks describes the credentials in text, which was read at where.
func Leaks(credentials []string, where string, text []byte) []string {
	var found []string
	for _, credential := range credentials {
		if bytes.Contains(text, []byte(credential)) {
			found = append(found, fmt.Sprintf("%s contains the credential %.12s…", where, credential))
		}
	}
	for _, pattern := range credentialPatterns {
		if at := pattern.FindIndex(text); at != nil {
			found = append(found, fmt.Sprintf("%s matches %s: …%s…", where, pattern, text[max(0, at[0]-40):min(len(text), at[1]+20)]))
		}
	}
	return found
}

// payloadData matches the base64 data of a payload in JSON.
var payloadData = regexp.MustCompile(`"data":\s*"([A-Za-z0-9+/=]*)"`)

// ExportHistory returns a history as "temporal workflow show --output json"
// prints it, with the payloads decoded.
func ExportHistory(t testing.TB, events []*historypb.HistoryEvent) []byte {
	t.Helper()
	exported, err := protojson.Marshal(&historypb.History{Events: events})
	require.NoError(t, err)
	return payloadData.ReplaceAllFunc(exported, func(match []byte) []byte {
		decoded, err := base64.StdEncoding.DecodeString(string(payloadData.FindSubmatch(match)[1]))
		require.NoError(t, err)
		return decoded
	})
}

// RequireNoLeaks requires that no secret is in any text that users or operators
// can read: histories, process output, objects, the Temporal server's log.
func (h *Harness) RequireNoLeaks() {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.Ctx), leakCheckTimeout)
	defer cancel()
	var found []string
	credentials := slices.Clone(h.Secrets)
	for _, upstream := range h.Upstreams {
		credentials = append(credentials, upstream.SeenCredentials()...)
	}
	for where, text := range h.ReadableTexts(ctx) {
		found = append(found, Leaks(credentials, where, text)...)
	}
	require.Empty(h.T, found)
}

// ReadableTexts returns all that the test has written, by where it was found.
func (h *Harness) ReadableTexts(ctx context.Context) map[string][]byte {
	h.T.Helper()
	texts := make(map[string][]byte)
	listed, err := h.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: h.Name, PageSize: 1000})
	require.NoError(h.T, err)
	for _, execution := range listed.GetExecutions() {
		id := execution.GetExecution()
		texts["history of "+id.GetWorkflowId()] = ExportHistory(h.T, h.History(ctx, id.GetWorkflowId(), id.GetRunId()))
		attributes, err := protojson.Marshal(execution)
		require.NoError(h.T, err)
		texts["listing of "+id.GetWorkflowId()] = attributes
	}
	for i, p := range *h.processes {
		texts[fmt.Sprintf("stdout of %s %d", p.name, i)] = []byte(p.Stdout.String())
		texts[fmt.Sprintf("stderr of %s %d", p.name, i)] = []byte(p.Stderr.String())
	}
	for _, bucket := range h.Buckets {
		exists, err := h.Store.BucketExists(ctx, bucket)
		require.NoError(h.T, err)
		if exists {
			in := *h
			in.Name = bucket
			in.readObjects(ctx, texts)
		}
	}
	serverLog, err := os.ReadFile(filepath.Join(serverFolder, "logs", "temporal-server.log"))
	require.NoError(h.T, err)
	texts["the Temporal server's log"] = serverLog
	return texts
}

// readObjects adds the key and metadata of every object to texts, and the
// content of manifests. Recordings are only noise.
func (h *Harness) readObjects(ctx context.Context, texts map[string][]byte) {
	h.T.Helper()
	for _, key := range h.Keys(ctx) {
		info, err := h.Store.StatObject(ctx, h.Name, key, minio.StatObjectOptions{})
		require.NoError(h.T, err)
		texts["key and metadata of "+key] = fmt.Appendf(nil, "%s %v %v", key, info.Metadata, info.UserMetadata)
		if strings.HasSuffix(key, ".json") {
			texts["content of "+key] = h.Object(ctx, key)
		}
	}
}

// ServerFilesWith describes the servers' files that contain a credential.
func ServerFilesWith(t *testing.T, credentials []string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(serverFolder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // Other tests remove files concurrently.
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, credential := range credentials {
			if bytes.Contains(content, []byte(credential)) {
				found = append(found, fmt.Sprintf("%s contains %.12s…", entry.Name(), credential))
			}
		}
		return nil
	}))
	return found
}
