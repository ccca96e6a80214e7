package temporalserver

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

const (
	defaultNamespace    = "default"
	defaultRetention    = 30 * 24 * time.Hour
	defaultFrontendPort = 7233
	defaultUIPort       = 8233

	// minRetention is the server's own minimum.
	minRetention = time.Hour
)

// Options configure where a [Server] keeps its data and how clients reach it.
type Options struct {
	// DataDir is the folder of the SQLite file and of the log file. It is created if
	// missing. The caller must ensure that no other process uses it: SQLite lets two
	// servers open one file, and they would corrupt each other's data. Required.
	DataDir string
	// Namespace is created at the first start. Defaults to "default".
	Namespace string
	// Retention is how long the history of a closed workflow is kept, at least one
	// hour. A later start with another value changes it. Defaults to 30 days.
	Retention time.Duration
	// FrontendPort is the preferred gRPC port, 1 to 65535, or ports.Any. If it is in
	// use, another free port is used. Defaults to 7233.
	FrontendPort int
	// UIPort is the Web UI's port, under the same rule. Defaults to 8233.
	UIPort int
	// Logger receives the server's own log, which is verbose and full of warnings
	// that do not matter on one machine. Defaults to errors only, in LogFile.
	Logger *slog.Logger
	// LogFile receives the errors if Logger is nil. It is rotated to LogFile+".1"
	// at 8 MiB. Defaults to "temporal-server.log" in DataDir.
	LogFile string
	// DynamicConfig adds to the server's dynamic configuration, or overrides it, by
	// key, as in "matching.enableFairness": true. Whole numbers must be int.
	// Optional.
	DynamicConfig map[string]any
}

// withDefaults returns a copy with every field set and all paths absolute.
func (o Options) withDefaults() (Options, error) {
	if o.DataDir == "" {
		return o, fmt.Errorf("temporal server: DataDir is empty: set it to the data folder")
	}
	// The working folder may change later, see package objectstore.
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return o, fmt.Errorf("temporal server: data folder %s: cannot be made absolute: %w", o.DataDir, err)
	}
	o.DataDir = dir
	if o.Namespace == "" {
		o.Namespace = defaultNamespace
	}
	if o.Retention == 0 {
		o.Retention = defaultRetention
	}
	if o.Retention < minRetention {
		return o, fmt.Errorf("temporal server: retention %s: too short: use at least %s", o.Retention, minRetention)
	}
	if o.FrontendPort == 0 {
		o.FrontendPort = defaultFrontendPort
	}
	if o.UIPort == 0 {
		o.UIPort = defaultUIPort
	}
	if o.LogFile == "" {
		o.LogFile = filepath.Join(dir, "temporal-server.log")
	}
	if o.LogFile, err = filepath.Abs(o.LogFile); err != nil {
		return o, fmt.Errorf("temporal server: log file: cannot be made absolute: %w", err)
	}
	return o, nil
}
