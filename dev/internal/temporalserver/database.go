package temporalserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	databaseName = "temporal.sqlite"
	// completeName is the marker file of a database with a complete schema.
	completeName = databaseName + ".complete"
)

// openDatabase creates the SQLite file, its schema and the namespace if they are
// missing.
func openDatabase(dir, namespace string, retention time.Duration) (*config.SQL, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("temporal server: data folder %s: cannot be created: %w", dir, err)
	}
	file := filepath.Join(dir, databaseName)
	sql := &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: file,
		ConnectAttributes: map[string]string{
			"mode": "rwc",
			// With the write-ahead log a commit needs no disk flush and still survives a
			// crash of the process; only a power failure may lose the latest commits.
			"journal_mode": "wal",
			"synchronous":  "normal",
			"busy_timeout": "5000",
		},
	}
	if err := ensureSchema(sql, dir); err != nil {
		return nil, err
	}

	ns, err := sqliteschema.NewNamespaceConfig(clusterName, namespace, false, nil)
	if err != nil {
		return nil, fmt.Errorf("temporal server: namespace %q: %w", namespace, err)
	}
	// The default is one day, after which closed workflows disappear from the UI.
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqliteschema.CreateNamespaces(sql, ns); err != nil {
		return nil, fmt.Errorf("temporal server: namespace %q in %s: %w", namespace, file, err)
	}
	return sql, nil
}

// ensureSchema applies the schema once. A process that dies during its hundred or
// so statements leaves an incomplete database, so a marker file is written at the
// end. A database without it is empty and is created again.
func ensureSchema(sql *config.SQL, dir string) error {
	marker := filepath.Join(dir, completeName)
	_, err := os.Stat(marker)
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("temporal server: %s: %w", marker, err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(sql.DatabaseName + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("temporal server: incomplete database: cannot be removed: %w", err)
		}
	}
	if err := sqliteschema.SetupSchema(sql); err != nil {
		return fmt.Errorf("temporal server: schema of %s: %w", sql.DatabaseName, err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return fmt.Errorf("temporal server: %w", err)
	}
	return nil
}
