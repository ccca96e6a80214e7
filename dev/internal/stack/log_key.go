package stack

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/internal/daylog"
)

// logKeyName is the name of the key that signs the log of sealed days.
const logKeyName = "dev.callvault.example/recordings"

// openLogKey reads the key that signs the log of sealed days, and makes one the first time.
// Its public part is in a file beside it, for the command verify.
func (s *Stack) openLogKey(data *datadir.Dir) error {
	s.logKeyFile = data.LogKey()
	text, err := os.ReadFile(s.logKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		secret, public, err := daylog.NewKey(logKeyName)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.logKeyFile+".pub", []byte(public+"\n"), 0o600); err != nil {
			return err
		}
		text = []byte(secret + "\n")
		if err := os.WriteFile(s.logKeyFile, text, 0o600); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	s.logKey, err = daylog.ParseKey(string(text))
	return err
}

// LogVerifier is the public part of the key that signs the log.
func (s *Stack) LogVerifier() note.Verifier { return s.logKey.Verifier() }

// PublicLogKeyFile is the file with it.
func (s *Stack) PublicLogKeyFile() string { return s.logKeyFile + ".pub" }
