package temporalserver

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIncompleteDatabaseIsRecreated(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, databaseName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDatabase(dir, defaultNamespace, defaultRetention); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, completeName)); err != nil {
		t.Errorf("no marker of a complete schema: %v", err)
	}
}
