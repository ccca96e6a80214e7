package objectstore_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
)

func TestBucketIsServedBelowTheDomainAndByItsPath(t *testing.T) {
	o := options(t.TempDir())
	o.Domain = "s3.callvault.test"
	store := start(t, o)
	endpoint, err := url.Parse(store.Endpoint())
	require.NoError(t, err)
	var hosts []string
	client := func(host string, lookup minio.BucketLookupType) *minio.Client {
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			hosts = append(hosts, address)
			return new(net.Dialer).DialContext(ctx, network, endpoint.Host)
		}}
		t.Cleanup(transport.CloseIdleConnections)
		c, err := minio.New(net.JoinHostPort(host, endpoint.Port()), &minio.Options{
			Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: "us-east-1", BucketLookup: lookup, Transport: transport,
		})
		require.NoError(t, err)
		return c
	}
	byPath := client(endpoint.Hostname(), minio.BucketLookupPath)
	require.NoError(t, byPath.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
	b := content(10)
	_, err = byPath.PutObject(t.Context(), bucket, "a/b", once(b), int64(len(b)), minio.PutObjectOptions{DisableMultipart: true})
	require.NoError(t, err)

	object, err := client(o.Domain, minio.BucketLookupDNS).GetObject(t.Context(), bucket, "a/b", minio.GetObjectOptions{})
	require.NoError(t, err)
	read, err := io.ReadAll(object)
	require.NoError(t, err)
	require.Equal(t, b, read)
	require.Contains(t, hosts, net.JoinHostPort(bucket+"."+o.Domain, endpoint.Port()))
}
