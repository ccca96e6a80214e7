package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
)

const canary = "canary-secret"

func TestValueIsReturnedWithoutTheSpaceAroundIt(t *testing.T) {
	source := secret.Value(" \t" + canary + "\n")
	value, err := source.Read()
	require.NoError(t, err)
	require.Equal(t, canary, value)
	require.Empty(t, source.Path())
}

func TestFileIsReturnedWithoutTheSpaceAroundIt(t *testing.T) {
	path := write(t, "\n  "+canary+" \r\n")
	source := secret.File(path)
	value, err := source.Read()
	require.NoError(t, err)
	require.Equal(t, canary, value)
	require.Equal(t, path, source.Path())
}

func TestSpaceInsideASecretStays(t *testing.T) {
	const lines = "-----BEGIN KEY-----\nAAAA\n-----END KEY-----"
	value, err := secret.File(write(t, lines+"\n")).Read()
	require.NoError(t, err)
	require.Equal(t, lines, value)
}

func TestChangedFileIsReadAgainWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "first")
		source := secret.File(path)
		requireValue(t, source, "first")

		rewrite(t, path, "other") // of the same length
		time.Sleep(time.Second)
		requireValue(t, source, "other")
	})
}

func TestReplacedFileOfTheSameSizeAndTimeIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, next := write(t, "first"), write(t, "other")
		epoch := time.Unix(1, 0)
		require.NoError(t, os.Chtimes(path, epoch, epoch))
		require.NoError(t, os.Chtimes(next, epoch, epoch))
		source := secret.File(path)
		requireValue(t, source, "first")

		require.NoError(t, os.Rename(next, path))
		time.Sleep(time.Second)
		requireValue(t, source, "other")
	})
}

func TestFileIsReadAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "first")
		source := secret.File(path)
		requireValue(t, source, "first")

		require.NoError(t, os.Remove(path))
		time.Sleep(time.Second - time.Nanosecond)
		requireValue(t, source, "first")
	})
}

// A secret that was taken away is no longer used, and is used again at once when
// it is back.
func TestFileThatCannotBeReadAnyMoreIsAnErrorUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "first")
		source := secret.File(path)
		requireValue(t, source, "first")

		time.Sleep(time.Second)
		for _, spoil := range []func(){
			func() { require.NoError(t, os.Remove(path)) },
			func() { rewrite(t, path, " \n") },
			func() { rewrite(t, path, strings.Repeat(canary, secret.MaxBytes/len(canary)+1)) },
		} {
			spoil()
			_, err := source.Read()
			require.Error(t, err)
			require.NotContains(t, err.Error(), canary)
		}
		rewrite(t, path, "second")
		requireValue(t, source, "second")
	})
}

func TestUnusableSecretIsAnErrorThatNamesFileCauseAndRemedy(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	tooLarge := strings.Repeat("canary", secret.MaxBytes)[:secret.MaxBytes+1]
	for name, row := range map[string]struct {
		source *secret.Source
		says   []string
	}{
		"missing file":     {secret.File(filepath.Join(folder, "no.txt")), []string{"no.txt", "no such file", "correct the path"}},
		"folder missing":   {secret.File(filepath.Join(folder, "no", "no.txt")), []string{"no.txt", "no such file", "correct the path"}},
		"directory":        {secret.File(folder), []string{folder, "is not a file", "holds the secret alone"}},
		"named pipe":       {secret.File(pipe), []string{pipe, "is not a file", "holds the secret alone"}},
		"empty file":       {secret.File(write(t, "")), []string{"secret.txt", "is empty", "put the secret into it"}},
		"only space":       {secret.File(write(t, " \n\t")), []string{"secret.txt", "is empty", "put the secret into it"}},
		"too large":        {secret.File(write(t, tooLarge)), []string{"secret.txt", "at most 65536 bytes"}},
		"empty value":      {secret.Value(" "), []string{"the secret is empty", "set it"}},
		"secret as a path": {secret.File(canary), []string{"looks like a secret", "no such file"}},
		"key as a path":    {secret.File("-----BEGIN RSA PRIVATE KEY-----\ncanary/key"), []string{"looks like a secret"}},
		"long path":        {secret.File("/" + strings.Repeat("canary", 1000)), []string{"looks like a secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := row.source.Read()
			require.Error(t, err)
			require.Empty(t, value)
			for _, text := range row.says {
				require.ErrorContains(t, err, text)
			}
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestLargestSecretIsAccepted(t *testing.T) {
	largest := strings.Repeat("x", secret.MaxBytes)
	requireValue(t, secret.File(write(t, largest)), largest)
}

func TestCauseOfAnUnreadableFileCanBeTold(t *testing.T) {
	_, err := secret.File(filepath.Join(t.TempDir(), "no.txt")).Read()
	require.ErrorIs(t, err, os.ErrNotExist)
}

func requireValue(t *testing.T, source *secret.Source, want string) {
	t.Helper()
	value, err := source.Read()
	require.NoError(t, err)
	require.Equal(t, want, value)
}

// write returns the path of a new file.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.txt")
	rewrite(t, path, content)
	return path
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}
