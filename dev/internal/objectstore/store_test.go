package objectstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
)

const (
	accessKey = "callvault"
	secretKey = "callvault-secret"
	bucket    = "recordings"

	// testTimeout limits one test; it allows for a slow machine.
	testTimeout = time.Minute

	// quietEnv names a folder. If it is set, the test binary uses a store in that
	// folder once and exits.
	quietEnv = "CALLVAULT_TEST_QUIET"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(quietEnv); dir != "" {
		if err := useOnce(dir); err != nil {
			fmt.Println(err)
		}
		return
	}
	os.Exit(m.Run())
}

func options(dir string) objectstore.Options {
	return objectstore.Options{
		Dir:       filepath.Join(dir, "store"),
		AccessKey: accessKey,
		SecretKey: secretKey,
		Port:      ports.Any,
	}
}

func start(t *testing.T, o objectstore.Options) *objectstore.Store {
	t.Helper()
	s, err := objectstore.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(s *objectstore.Store) (*minio.Client, error) {
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		return nil, err
	}
	return minio.New(u.Host, &minio.Options{
		Creds:           credentials.NewStaticV4(accessKey, secretKey, ""),
		TrailingHeaders: true,
		MaxRetries:      1,
	})
}

// open starts a store, creates the bucket, and returns the store with a client.
func open(t *testing.T) (context.Context, *objectstore.Store, *minio.Client) {
	t.Helper()
	return openWith(t, options(t.TempDir()))
}

func openWith(t *testing.T, o objectstore.Options) (context.Context, *objectstore.Store, *minio.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	s := start(t, o)
	c, err := connect(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return ctx, s, c
}

// once returns a reader that cannot seek, like an HTTP response body.
func once(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

// wantCode fails the test unless err is the store's response with this status and
// code.
func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	if got := minio.ToErrorResponse(err); got.StatusCode != status || got.Code != code {
		t.Errorf("err = %v (%d %s), want %d %s", err, got.StatusCode, got.Code, status, code)
	}
}

func wantMissing(ctx context.Context, t *testing.T, c *minio.Client, key string) {
	t.Helper()
	_, err := c.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	wantCode(t, err, 404, minio.NoSuchKey)
}

func useOnce(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	s, err := objectstore.Start(ctx, options(dir))
	if err != nil {
		return err
	}
	c, err := connect(s)
	if err != nil {
		return err
	}
	if err := c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return err
	}
	if _, err := c.PutObject(ctx, bucket, "a.wav", once([]byte("RIFF")), 4, minio.PutObjectOptions{}); err != nil {
		return err
	}
	return s.Stop()
}

func TestObjectIsAFileWithItsMetadata(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *objectstore.Options){
		"extended attributes if supported": func(*testing.T, *objectstore.Options) {},
		"metadata folder": func(t *testing.T, o *objectstore.Options) {
			o.MetadataDir = t.TempDir()
			if err := os.WriteFile(filepath.Join(o.MetadataDir, "used"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir())
			prepare(t, &o)
			ctx, s, c := openWith(t, o)
			const key = "bot/2024/03/05/session/a-merged.wav"
			_, err := c.PutObject(ctx, bucket, key, once([]byte("RIFF")), 4, minio.PutObjectOptions{
				ContentType:  "audio/wav",
				UserMetadata: map[string]string{"Session": "65e7"},
			})
			if err != nil {
				t.Fatal(err)
			}
			info, err := c.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if info.Size != 4 || info.ContentType != "audio/wav" || info.UserMetadata["Session"] != "65e7" {
				t.Errorf("object = %+v", info)
			}
			object, err := c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(object); err != nil || string(got) != "RIFF" {
				t.Errorf("got %q, %v", got, err)
			}
			if got, err := os.ReadFile(s.Path(bucket, key)); err != nil || string(got) != "RIFF" {
				t.Errorf("file has %q, %v", got, err)
			}
		})
	}
}

func TestObjectsSurviveARestart(t *testing.T) {
	o := options(t.TempDir())
	ctx, s, c := openWith(t, o)
	put := minio.PutObjectOptions{UserMetadata: map[string]string{"K": "v"}}
	if _, err := c.PutObject(ctx, bucket, "a", once([]byte("one")), 3, put); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	c, err := connect(start(t, o))
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.StatObject(ctx, bucket, "a", minio.StatObjectOptions{})
	if err != nil || info.UserMetadata["K"] != "v" {
		t.Errorf("object = %+v, %v", info, err)
	}
}

func TestStopRestoresTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, options("data")) // relative
	if s.PreviousDir() != before {
		t.Errorf("previous folder = %s, want %s", s.PreviousDir(), before)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("folder after Stop = %s, %v; want %s", after, err, before)
	}
	if got, want := s.Path(bucket, "a/b"), filepath.Join(before, "data", "store", bucket, "a", "b"); got != want {
		t.Errorf("path = %s, want %s", got, want)
	}
}

func TestPathStaysInsideTheBucket(t *testing.T) {
	_, s, _ := open(t)
	if got, want := s.Path(bucket, "../../etc/passwd"), s.Path(bucket, "etc/passwd"); got != want {
		t.Errorf("path = %s, want %s", got, want)
	}
}

func TestSecondStoreInAProcessIsRefused(t *testing.T) {
	_, s, _ := open(t)
	if other, err := objectstore.Start(t.Context(), options(t.TempDir())); err == nil {
		_ = other.Stop()
		t.Fatal("want an error")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, options(t.TempDir()))
}

func TestStartAvoidsAPortInUse(t *testing.T) {
	reserved, err := ports.Reserve(ports.Any)
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Release()
	o := options(t.TempDir())
	o.Port = reserved.Port()
	if s := start(t, o); s.Endpoint() == "http://"+reserved.Address() {
		t.Errorf("endpoint = %s", s.Endpoint())
	}
}

func TestStorePrintsNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), quietEnv+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("printed %q, %v", out, err)
	}
}

func TestStartRefusesInvalidOptions(t *testing.T) {
	for name, invalidate := range map[string]func(*objectstore.Options){
		"no folder":            func(o *objectstore.Options) { o.Dir = "" },
		"no credentials":       func(o *objectstore.Options) { o.SecretKey = "" },
		"port out of range":    func(o *objectstore.Options) { o.Port = 70000 },
		"versions in the root": func(o *objectstore.Options) { o.VersionsDir = filepath.Join(o.Dir, "versions") },
		"metadata in the root": func(o *objectstore.Options) { o.MetadataDir = o.Dir },
	} {
		o := options(t.TempDir())
		invalidate(&o)
		if s, err := objectstore.Start(t.Context(), o); err == nil {
			_ = s.Stop()
			t.Errorf("%s: want an error", name)
		}
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	ctx, s, _ := open(t)
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(accessKey, "wrong", ""),
		Region:     "us-east-1",
		MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutObject(ctx, bucket, "a", once([]byte("one")), 3, minio.PutObjectOptions{})
	wantCode(t, err, 403, "SignatureDoesNotMatch")
}

func TestVersionedBucketKeepsVersions(t *testing.T) {
	ctx, _, c := open(t)
	if err := c.EnableVersioning(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"one", "two"} {
		if _, err := c.PutObject(ctx, bucket, "a", once([]byte(content)), 3, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	versions := 0
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		versions++
	}
	if versions != 2 {
		t.Errorf("%d versions, want 2", versions)
	}
}

func TestUnusedConnectionDoesNotDelayStop(t *testing.T) {
	_, s, _ := open(t)
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stop took %s", took)
	}
	_ = conn.Close()
	// The next store waits until the first one has released the process.
	start(t, options(t.TempDir()))
}

var errUpstream = errors.New("upstream failed")

// failingAfter returns a reader that returns b and then errUpstream.
func failingAfter(b []byte) io.Reader { return io.MultiReader(once(b), failingReader{}) }

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errUpstream }
