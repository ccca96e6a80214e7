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
	// completeName marks a database whose schema is all there.
	completeName = databaseName + ".complete"
)

// openDatabase creates the SQLite file with its schema and the namespace where
// they are missing.
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
			// With the write-ahead log a commit costs no flush to the disk and still
			// survives the death of the process; only a power cut may lose the last ones.
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
	// One day otherwise, after which finished workflows are gone from the UI.
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqliteschema.CreateNamespaces(sql, ns); err != nil {
		return nil, fmt.Errorf("temporal server: namespace %q in %s: %w", namespace, file, err)
	}
	return sql, nil
}

// ensureSchema applies the schema once. A process that dies amid the some
// hundred statements leaves a file that looks like a database and is none, so a
// mark is set at the end, and a file without it is made anew: nothing was ever
// stored in it.
func ensureSchema(sql *config.SQL, dir string) error {
	mark := filepath.Join(dir, completeName)
	_, err := os.Stat(mark)
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("temporal server: %s: %w", mark, err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(sql.DatabaseName + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("temporal server: incomplete database: %w", err)
		}
	}
	if err := sqliteschema.SetupSchema(sql); err != nil {
		return fmt.Errorf("temporal server: schema of %s: %w", sql.DatabaseName, err)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("temporal server: %w", err)
	}
	return nil
}
