// Command floor is what the worker's transfers are measured against: the least that a Go
// program needs to stream recordings from a media server into an S3 store. It hashes
// nothing but the CRC32C that minio-go appends to a body, resumes nothing and checks
// nothing. With -sha256 it appends that in place of the CRC32C: the least that a program
// with a SHA-256 needs.
//
// Its standard input has a line for each recording: the media URL, a space and the key.
// All are transferred at once. It needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	endpoint := flag.String("endpoint", "", "the store's URL")
	region := flag.String("region", "", "the bucket's region")
	bucket := flag.String("bucket", "", "the bucket, which exists")
	withSHA256 := flag.Bool("sha256", false, "append a SHA-256 in place of a CRC32C")
	flag.Parse()
	checksum := minio.ChecksumCRC32C
	if *withSHA256 {
		checksum = minio.ChecksumSHA256
	}
	if err := run(context.Background(), os.Stdin, *endpoint, *region, *bucket, checksum); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, list io.Reader, endpoint, region, bucket string, checksum minio.ChecksumType) error {
	address, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("-endpoint: %w", err)
	}
	store, err := minio.New(address.Host, &minio.Options{
		Creds: credentials.NewEnvAWS(), Secure: address.Scheme == "https", Region: region,
		TrailingHeaders: true, MaxRetries: 1,
	})
	if err != nil {
		return fmt.Errorf("-endpoint: %w", err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		mediaURL, key, _ := strings.Cut(lines.Text(), " ")
		all.Go(func() {
			if err := transfer(ctx, store, bucket, mediaURL, key, checksum); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("%s: %w", key, err))
			}
		})
	}
	all.Wait()
	return errors.Join(append(failed, lines.Err())...)
}

func transfer(ctx context.Context, store *minio.Client, bucket, mediaURL, key string, checksum minio.ChecksumType) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, mediaURL, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the media server returned %s", response.Status)
	}
	_, err = store.PutObject(ctx, bucket, key, response.Body, response.ContentLength, minio.PutObjectOptions{
		ContentType: "audio/wav", Checksum: checksum, DisableContentSha256: true, DisableMultipart: true,
	})
	return err
}
