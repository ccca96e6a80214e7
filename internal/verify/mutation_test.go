package verify_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
)

var (
	mutations  = flag.Int("mutations", 300, "how many random changes of sealed archives have to be found")
	seed       = flag.Uint64("seed", 0, "of the archives and the changes; 0 for a random one")
	pythonPath = flag.String("python", "", "a Python interpreter, with which docs/verify.py has to find the same changes")
)

// archivesEach is how many changes are tried on one archive.
const archivesEach = 30

// Every random change of a sealed archive is found, and nothing in an untouched one.
func TestEveryChangeOfAnArchiveIsFound(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	python := startPython(t)
	for tried := 0; tried < *mutations; {
		number := uint64(tried / archivesEach)
		config := verifytest.Config{Seed: *seed + number, Prefix: []string{"", "calls/"}[number%2]}
		if number%10 == 4 {
			config.EmptyDays = 270 // More entries than a tile has.
		}
		sample := sampleOf(t, config)
		last := sample.Checkpoints[len(sample.Checkpoints)-1]
		requireHolds(t, run(t, sample, verify.Options{Kept: last}))
		require.Empty(t, python.failures(t, sample, last), "docs/verify.py on an untouched archive of seed %d", config.Seed)
		random := rand.New(rand.NewPCG(config.Seed, 2))
		for range min(archivesEach, *mutations-tried) {
			tried++
			changed, err := sample.Mutate(random)
			require.NoError(t, err)
			found := run(t, sample, verify.Options{Kept: changed.Kept})
			require.NotEmpty(t, found.Failures, "not found: %s, in the archive of seed %d", changed.Name, config.Seed)
			require.NotEmpty(t, python.answer(t, sample, changed.Kept), "not found by docs/verify.py: %s, in the archive of seed %d", changed.Name, config.Seed)
			require.NoError(t, changed.Undo())
		}
		requireHolds(t, run(t, sample, verify.Options{}))
	}
}

// What can be found only by a checkpoint that was kept is not found without one: the change is
// as good as whoever has the key can make it.
func TestWithoutAKeptCheckpointAForkHolds(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 5})
	random := rand.New(rand.NewPCG(5, 6))
	forks := 0
	for forks < 10 {
		changed, err := sample.Mutate(random)
		require.NoError(t, err)
		if result := run(t, sample, verify.Options{}); changed.Kept != nil && result.OK {
			forks++
			require.False(t, run(t, sample, verify.Options{Kept: changed.Kept}).OK, changed.Name)
		}
		require.NoError(t, changed.Undo())
	}
}

// python is docs/verify.py in a process of its own; nil if there is none.
type python struct {
	questions io.Writer
	answers   *bufio.Scanner
	kept      string
}

func startPython(t *testing.T) *python {
	t.Helper()
	if *pythonPath == "" {
		return nil
	}
	command := exec.CommandContext(t.Context(), *pythonPath, filepath.Join("testdata", "drive.py"))
	command.Stderr = os.Stderr
	questions, err := command.StdinPipe()
	require.NoError(t, err)
	answers, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = questions.Close()
		_ = command.Wait()
	})
	scanner := bufio.NewScanner(answers)
	scanner.Buffer(nil, 64<<20)
	return &python{questions, scanner, filepath.Join(t.TempDir(), "kept")}
}

// failures returns what docs/verify.py says does not hold.
func (p *python) failures(t *testing.T, sample *verifytest.Archive, kept []byte) []any {
	t.Helper()
	if p == nil {
		return nil
	}
	return p.answer(t, sample, kept)
}

// answer is failures, or something if there is no Python.
func (p *python) answer(t *testing.T, sample *verifytest.Archive, kept []byte) []any {
	t.Helper()
	if p == nil {
		return []any{"not asked"}
	}
	return p.ask(t, sample, verify.Options{Kept: kept})
}

// ask returns what docs/verify.py says does not hold of what options select.
func (p *python) ask(t *testing.T, sample *verifytest.Archive, options verify.Options) []any {
	t.Helper()
	question := map[string]string{
		"copy": sample.Folder, "prefix": sample.Prefix, "key": sample.Key.Public(), "checkpoint": "", "bot": options.BotID, "day": options.Date, "session": options.SessionID,
	}
	if options.Kept != nil {
		require.NoError(t, os.WriteFile(p.kept, options.Kept, 0o600))
		question["checkpoint"] = p.kept
	}
	require.NoError(t, json.NewEncoder(p.questions).Encode(question))
	require.True(t, p.answers.Scan(), "docs/verify.py has ended")
	var answer struct {
		OK       bool
		Failures []any
	}
	require.NoError(t, json.Unmarshal(p.answers.Bytes(), &answer))
	require.Equal(t, answer.OK, len(answer.Failures) == 0)
	return answer.Failures
}
