package workflows_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain skips the examples where there is no Temporal server to run them on.
// The end-to-end tests run them on theirs: go test ./dev/e2e -run Examples
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("CALLVAULT_RUN_EXAMPLES") == "" {
		if err := flag.Set("test.skip", "^Example"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
