package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// suitePackage is tested in a process of its own, so that this program is no test, and
// the everyday test run neither builds nor runs it.
const suitePackage = "github.com/callvault/callvault/internal/archive/conformance"

// capability is a line that the suite prints, see conformance.Capability.
type capability struct {
	Name string `json:"capability"`
	Seen string `json:"seen"`
}

func buildSuite(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(folder, "conformance.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, suitePackage) //nolint:gosec // our own package
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	build.Env = append(os.Environ(), "GOWORK=off")
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build the suite: %w", err)
	}
	return program, nil
}

// suiteRow is the row that says whether the archive's own suite passes.
const suiteRow = "**The archive's suite** (`internal/archive/conformance`)"

// runSuite runs the suite on a store and returns what it printed of the store's capabilities, after
// whether it passed.
func runSuite(ctx context.Context, suite string, on *running) ([]capability, error) {
	test := exec.CommandContext(ctx, suite, "-test.v", "-test.run", "^TestConfiguredStore")
	var output bytes.Buffer
	test.Stdout, test.Stderr = &output, &output
	test.Env = append(os.Environ(),
		"CALLVAULT_TEST_S3_ENDPOINT="+on.endpoint,
		"CALLVAULT_TEST_S3_DOMAIN="+domain,
		"CALLVAULT_TEST_S3_KMS_KEY="+on.kmsKey,
		"AWS_ACCESS_KEY_ID="+on.accessKey,
		"AWS_SECRET_ACCESS_KEY="+on.secretKey,
	)
	failed := test.Run()
	seen, err := parseCapabilities(output.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w\n%s", err, failed, lastLines(output.String(), 60))
	}
	passed, of, tests := verdicts(output.String())
	verdict := "passes"
	if failed != nil {
		verdict = fmt.Sprintf("fails: %d of %d tests pass", passed, of)
		fmt.Println(tests)
	}
	return append([]capability{{Name: suiteRow, Seen: verdict}}, seen...), nil
}

// verdicts returns how many tests of the suite passed, of how many, and the lines of those that did not.
func verdicts(output string) (passed, of int, failed string) {
	for line := range strings.Lines(output) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "--- PASS: TestConfiguredStoreConforms/"):
			passed++
			of++
		case strings.HasPrefix(line, "--- FAIL: TestConfiguredStoreConforms/"):
			of++
			failed += line + "\n"
		}
	}
	return passed, of, failed
}

// parseCapabilities returns the capabilities among the lines of a test's output.
func parseCapabilities(output string) ([]capability, error) {
	var seen []capability
	for lines := bufio.NewScanner(strings.NewReader(output)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if !strings.HasPrefix(line, `{"capability"`) {
			continue
		}
		var one capability
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			return nil, fmt.Errorf("the line %s: %w", line, err)
		}
		fmt.Printf("    %s: %s\n", one.Name, one.Seen)
		seen = append(seen, one)
	}
	if len(seen) == 0 {
		return nil, errors.New("the suite printed no capabilities")
	}
	return seen, nil
}

const (
	readyTime     = 90 * time.Second
	readyInterval = 200 * time.Millisecond
)

// awaitReady waits until an object can be written.
func awaitReady(ctx context.Context, on *running) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	client, err := miniogo.New(strings.TrimPrefix(on.endpoint, "http://"), &miniogo.Options{
		Creds: credentials.NewStaticV4(on.accessKey, on.secretKey, ""), Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		return err
	}
	for {
		if exists, _ := client.BucketExists(ctx, "ready"); !exists {
			err = client.MakeBucket(ctx, "ready", miniogo.MakeBucketOptions{})
		}
		if err == nil {
			_, err = client.PutObject(ctx, "ready", "ready", strings.NewReader("ready"), 5, miniogo.PutObjectOptions{})
		}
		if err == nil {
			return nil
		}
		select {
		case <-on.ended:
			return errors.New("it ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", readyTime, err)
		case <-time.After(readyInterval):
		}
	}
}
