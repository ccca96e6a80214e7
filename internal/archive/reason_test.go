package archive_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
)

// A HEAD says nothing but its status; the list that follows says why.
func TestRefusedHeadIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		head, list int
		code       string
		blocked    bool
		says       string
	}{
		"wrong secret":       {403, 403, "SignatureDoesNotMatch", true, "AWS_SECRET_ACCESS_KEY"},
		"missing permission": {403, 403, "AccessDenied", true, "s3:ListBucket"},
		"list works":         {403, 200, "", true, "AccessDenied"},
		"list unavailable":   {403, 503, "SlowDown", true, "AccessDenied"},
		"wrong region":       {301, 301, "PermanentRedirect", true, "S3_REGION"},
		"expired token":      {400, 400, "ExpiredToken", true, "AWS_ACCESS_KEY_ID"},
		"unavailable":        {503, 200, "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					w.WriteHeader(row.head)
					return
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(row.list)
				if row.code != "" {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said by the store</Message></Error>", row.code)
					return
				}
				fmt.Fprint(w, "<ListBucketResult><Name>recordings</Name></ListBucketResult>")
			}))
			defer server.Close()
			endpoint, err := url.Parse(server.URL)
			require.NoError(t, err)
			store, err := archive.Open(archive.Config{Endpoint: endpoint, Bucket: "recordings", Region: "us-east-1", Credentials: credentials.NewStaticV4("key", "canary-secret", "")})
			require.NoError(t, err)

			err = store.EnsureBucket(context.Background())
			require.Error(t, err)
			if row.blocked {
				require.ErrorIs(t, err, archive.ErrBlocked)
			} else {
				require.NotErrorIs(t, err, archive.ErrBlocked)
			}
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}
