package temporalserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogFileIsRotatedWhenFull(t *testing.T) {
	name := filepath.Join(t.TempDir(), "logs", "server.log")
	l, err := openLogFile(name, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range []string{"first record\n", "second record\n", "third record\n"} {
		if _, err := l.Write([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if n, err := l.Write([]byte("too late")); n != 8 || err != nil {
		t.Errorf("Write after Close = %d, %v", n, err)
	}

	for file, want := range map[string]string{name: "third", name + ".1": "second"} {
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(got), want) {
			t.Errorf("%s = %q, want the %s record", file, got, want)
		}
	}
}
