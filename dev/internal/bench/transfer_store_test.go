package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
)

// gatewayFolder is the variable that makes this program a store, and nothing else: a process
// of its own, whose CPU time is not that of the benchmark.
const gatewayFolder = "CALLVAULT_BENCH_GATEWAY"

// storeStart bounds the start of a store.
const storeStart = 30 * time.Second

// ownStore is a store in a process of its own.
type ownStore struct {
	*process
	endpoint string
	client   *minio.Client
}

// storeKind is a store that the transfers are measured with.
type storeKind struct {
	name  string
	start func(b *testing.B) *ownStore
}

// storeKinds are versitygw and, if there is a binary of it, MinIO.
func storeKinds() []storeKind {
	kinds := []storeKind{{"versitygw", startGateway}}
	if *minioBin != "" {
		kinds = append(kinds, storeKind{"MinIO", startMinIO})
	}
	return kinds
}

// serveGateway runs versitygw until the process is killed, and returns why it could not.
func serveGateway(folder string) error {
	s, err := objectstore.Start(context.Background(), objectstore.Options{
		Dir: folder, AccessKey: accessKey, SecretKey: secretKey, Region: region, Port: ports.Any,
	})
	if err != nil {
		return err
	}
	fmt.Printf("serves %s\n", s.Endpoint())
	return <-s.Failed()
}

func startGateway(b *testing.B) *ownStore {
	b.Helper()
	self, err := os.Executable()
	require.NoError(b, err)
	p := startProcess(b, []string{gatewayFolder + "=" + filepath.Join(b.TempDir(), "store")}, self)
	var served []string
	require.Eventually(b, func() bool {
		served = regexp.MustCompile(`(?m)^serves (\S+)$`).FindStringSubmatch(string(p.output()))
		return served != nil
	}, storeStart, 20*time.Millisecond, "%s", p.output())
	return newOwnStore(b, p, served[1])
}

func startMinIO(b *testing.B) *ownStore {
	b.Helper()
	reserved, err := ports.Reserve(ports.Any)
	require.NoError(b, err)
	address := reserved.Address()
	reserved.Release()
	p := startProcess(b, []string{
		"MINIO_ROOT_USER=" + accessKey, "MINIO_ROOT_PASSWORD=" + secretKey, "MINIO_REGION=" + region, "MINIO_BROWSER=off",
	}, *minioBin, "server", "--quiet", "--address", address, filepath.Join(b.TempDir(), "store"))
	endpoint := "http://" + address
	require.Eventually(b, func() bool {
		response, err := http.Get(endpoint + "/minio/health/ready")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, storeStart, 100*time.Millisecond, "%s", p.output())
	return newOwnStore(b, p, endpoint)
}

func newOwnStore(b *testing.B, p *process, endpoint string) *ownStore {
	b.Helper()
	address, err := url.Parse(endpoint)
	require.NoError(b, err)
	c, err := minio.New(address.Host, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: region})
	require.NoError(b, err)
	return &ownStore{p, endpoint, c}
}

// empty removes all objects of a bucket: a benchmark must not fill the disk.
func (s *ownStore) empty(b *testing.B, bucket string) {
	b.Helper()
	for object := range s.client.ListObjectsIter(b.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(b, object.Err)
		require.NoError(b, s.client.RemoveObject(b.Context(), bucket, object.Key, minio.RemoveObjectOptions{}))
	}
}
