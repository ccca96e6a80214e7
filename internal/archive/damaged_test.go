package archive_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func TestDamagedReturnsKeysInTheManifestsOrder(t *testing.T) {
	store, server := openStore(t)
	m := manifestOf(workflows.OutcomeArchived, "1")
	content := []byte("recording")
	for i := range 5 {
		key := fmt.Sprint(folder, 9-i, ".wav")
		server.Set(bucket, key, objectOf(content))
		m.Files = append(m.Files, archive.File{Key: key, Bytes: int64(len(content)), SHA256: digestOf(content)})
	}
	damaged, err := store.Damaged(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, damaged)

	server.Remove(bucket, m.Files[0].Key)
	server.Set(bucket, m.Files[2].Key, objectOf([]byte("longer recording")))
	m.Files[4].SHA256 = digestOf([]byte("another"))
	server.ForgetRequests()
	damaged, err = store.Damaged(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, []string{m.Files[0].Key, m.Files[2].Key, m.Files[4].Key}, damaged)
	require.Len(t, server.Operations(), 5, "one HEAD for each file")
	require.Len(t, sent(server, s3test.HeadObject), 5)

	server.Add(s3test.Rule{Key: m.Files[1].Key, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	damaged, err = store.Damaged(t.Context(), m)
	requireUnavailable(t, err, "verify s3://recordings/"+m.Files[1].Key)
	require.Nil(t, damaged)
}
