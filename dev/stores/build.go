package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// minioVersion is the last state of MinIO's server. It is AGPL: a program of its own.
	minioVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"
	// seaweedVersion is a state of SeaweedFS's master branch.
	seaweedVersion = "v0.0.0-20261109003541-7506e5f91cd6"
)

// cached returns the path of a program in the cache folder, and builds it if it is not there.
func cached(ctx context.Context, name string, build func(ctx context.Context, folder string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "callvault", "stores")
	program := filepath.Join(folder, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	// What is only half built must not be found by the next run.
	work, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	fmt.Printf("building %s, once; it takes minutes\n", program)
	if err := build(ctx, work); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return program, os.Rename(filepath.Join(work, "program"), program)
}

func goTool(ctx context.Context, folder string, environment []string, arguments ...string) error {
	command := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // the Go tool
	command.Dir = folder
	command.Env = append(append(os.Environ(), "GOWORK=off"), environment...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

func buildMinIO(ctx context.Context, folder string) error {
	if err := goTool(ctx, folder, []string{"GOBIN=" + folder}, "install", "github.com/minio/minio@"+minioVersion); err != nil {
		return err
	}
	return os.Rename(filepath.Join(folder, "minio"), filepath.Join(folder, "program"))
}

// buildSeaweedFS builds in a module of its own: `go install` refuses a module that has
// replacements.
func buildSeaweedFS(ctx context.Context, folder string) error {
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module weed\n"), 0o600); err != nil {
		return err
	}
	if err := goTool(ctx, folder, nil, "get", "github.com/seaweedfs/seaweedfs/weed@"+seaweedVersion); err != nil {
		return err
	}
	return goTool(ctx, folder, nil, "build", "-o", "program", "github.com/seaweedfs/seaweedfs/weed")
}
