package verify_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
)

// agreement is a change of an archive on which the page, docs/verification.md, decides, and on
// which two verifiers that were written from it could differ.
type agreement struct {
	name    string
	change  func(t *testing.T, sample *verifytest.Archive)
	options verify.Options
	holds   bool
}

// requireAgreed tries each of them on an archive of its own, in Go, and in Python if there is
// one: go test ./internal/verify -run Agree -python python3.
func requireAgreed(t *testing.T, config verifytest.Config, all []agreement) {
	t.Helper()
	t.Logf("seed %d", config.Seed)
	python := startPython(t)
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) {
			sample := sampleOf(t, config)
			one.change(t, sample)
			require.Equal(t, one.holds, run(t, sample, one.options).OK, "internal/verify")
			if python != nil {
				require.Equal(t, one.holds, len(python.ask(t, sample, one.options)) == 0, "docs/verify.py")
			}
		})
	}
}

// with puts an object into the archive.
func with(key string) func(*testing.T, *verifytest.Archive) {
	return func(t *testing.T, sample *verifytest.Archive) {
		t.Helper()
		at := path(sample, sample.Prefix+key)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(t, os.WriteFile(at, []byte("x"), 0o600))
	}
}

// withSignatures adds lines to the checkpoint. "OWN" is the key's line, "WRONG" a line of the
// key that is wrong.
func withSignatures(lines string) func(*testing.T, *verifytest.Archive) {
	return func(t *testing.T, sample *verifytest.Archive) {
		t.Helper()
		at := path(sample, sample.Prefix+"log/checkpoint")
		content, err := os.ReadFile(at)
		require.NoError(t, err)
		own := string(content[strings.LastIndex(string(content), "— "):])
		raw, err := base64.StdEncoding.DecodeString(strings.Fields(own)[2])
		require.NoError(t, err)
		raw[20] ^= 1
		wrong := "— " + verifytest.KeyName + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
		require.NoError(t, os.WriteFile(at, append(content, strings.NewReplacer("OWN", own, "WRONG", wrong).Replace(lines)...), 0o600))
	}
}

func TestVerifiersAgreeOnSignatures(t *testing.T) {
	line := func(name, signature string) string {
		return "— " + name + " " + base64.StdEncoding.EncodeToString([]byte(signature)) + "\n"
	}
	var ninetyNine strings.Builder
	for i := range 99 {
		ninetyNine.WriteString(line(fmt.Sprint("x", i), "abcdefgh"))
	}
	requireAgreed(t, verifytest.Config{Seed: 3}, []agreement{
		{name: "one of another key", change: withSignatures(line("x", "abcdefgh")), holds: true},
		{name: "the same one of another key twice", change: withSignatures(line("x", "abcdefgh") + line("x", "abcdefgh")), holds: true},
		{name: "99 of other keys", change: withSignatures(ninetyNine.String()), holds: true},
		{name: "100 of other keys", change: withSignatures(ninetyNine.String() + line("y", "abcdefgh"))},
		{name: "101 of other keys", change: withSignatures(ninetyNine.String() + line("y", "abcdefgh") + line("z", "abcdefgh"))},
		{name: "a second, wrong one of the key", change: withSignatures("WRONG")},
		{name: "the one of the key again", change: withSignatures("OWN")},
		{name: "2 bytes", change: withSignatures(line("x", "ab"))},
		{name: "4 bytes", change: withSignatures(line("x", "abcd"))},
		{name: "5 bytes", change: withSignatures(line("x", "abcde")), holds: true},
		{name: "base64 in another form", change: withSignatures("— x YWJjZGVmZ2j=\n")},
		{name: "a name with a space of no width", change: withSignatures(line("x\u200b", "abcdefgh"))},
		{name: "a name with U+007F", change: withSignatures(line("x\u007f", "abcdefgh"))},
		{name: "a name with U+0001", change: withSignatures(line("x\u0001", "abcdefgh"))},
		{name: "a name with U+0085", change: withSignatures(line("x\u0085", "abcdefgh"))},
		{name: "a name that is not of ASCII", change: withSignatures(line("é", "abcdefgh"))},
		{name: "a second empty line", change: withSignatures("\n" + line("x", "abcdefgh"))},
	})
}

func TestVerifiersAgreeOnObjectsOfNoDay(t *testing.T) {
	config := verifytest.Config{Seed: 3}
	row := aSession(t, sampleOf(t, config))
	bot, date := row.BotID, row.CallTime.Format(time.DateOnly)
	ofDate := strings.ReplaceAll(date, "-", "/")
	folder := "days/" + bot + "/" + ofDate
	var all []agreement
	add := func(key string, holds bool, options verify.Options) {
		name := fmt.Sprintf("%q, bot %q, day %q, session %q", key, options.BotID, options.Date, options.SessionID)
		all = append(all, agreement{name, with(key), options, holds})
	}
	everything, aBot, aDate, aDay := verify.Options{}, verify.Options{BotID: bot}, verify.Options{Date: date}, verify.Options{BotID: bot, Date: date}
	session := verify.Options{SessionID: row.SessionID, Date: date}
	for _, key := range []string{
		"days/foo/2026/01/01/r1.json", "days/st-/2026/01/01/r1.json", "days/st-x y/2026/01/01/r1.json", "days/st-x/2026/02/30/r1.json", "days/st-x/0000/02/20/r1.json",
		"days/st-x/2026/02/20/r1.json\n", "days/st-x/2026/02/20/r1000000000.json", "days/st-x/2026/02/20/r2.json", "days/junk", "days/st-x/junk", "days/" + bot + "/2020/01/01",
	} {
		add(key, false, everything)
		add(key, true, aDate)
		add(key, true, aDay)
		add(key, true, session)
	}
	add("days/st-x/2026/02/20/r1.json", true, everything)
	for _, key := range []string{folder + "/junk.txt", folder + "/r9.json", folder + "/x/y"} {
		for _, options := range []verify.Options{everything, aBot, aDate, aDay, session} {
			add(key, false, options)
		}
	}
	for _, key := range []string{"days/" + bot + "/junk.txt", "days/" + bot + "/2020/01/01/r2.json"} {
		add(key, false, aBot)
		add(key, true, aDay)
		add(key, true, aDate)
	}
	add("days/"+bot+"/2020/01/01/r1.json", true, aBot)
	for _, key := range []string{"days/st-ghost/" + ofDate + "/r2.json", "days/st-ghost/" + ofDate + "/junk", "days/foo/" + ofDate + "/r1.json", "days/a/" + ofDate[:7]} {
		add(key, false, everything)
		add(key, true, aBot)
		add(key, false, aDate)
		add(key, true, aDay)
	}
	add("days/st-ghost/"+ofDate+"/r1.json", true, aDate)
	add("elsewhere/junk", true, everything)
	requireAgreed(t, config, all)
}

func TestVerifiersAgreeOnLinks(t *testing.T) {
	config := verifytest.Config{Seed: 3}
	row := aSession(t, sampleOf(t, config))
	ofDate := strings.ReplaceAll(row.CallTime.Format(time.DateOnly), "-", "/")
	// linked moves what is at a key aside, within the copy, and puts a link to it there.
	linked := func(key string) func(*testing.T, *verifytest.Archive) {
		return func(t *testing.T, sample *verifytest.Archive) {
			t.Helper()
			at := path(sample, key)
			aside := filepath.Join(sample.Folder, "aside")
			require.NoError(t, os.Rename(at, aside))
			to, err := filepath.Rel(filepath.Dir(at), aside)
			require.NoError(t, err)
			require.NoError(t, os.Symlink(to, at))
		}
	}
	day := verify.Options{BotID: row.BotID, Date: row.CallTime.Format(time.DateOnly)}
	requireAgreed(t, config, []agreement{
		{name: "a recording", change: linked(row.Files[0].Key)},
		{name: "a manifest", change: linked(row.Manifest.Key)},
		{name: "the folder of a session", change: linked(filepath.Dir(row.Manifest.Key))},
		{name: "the checkpoint", change: linked("log/checkpoint")},
		{name: "the log", change: linked("log")},
		{name: "the days", change: linked("days")},
		{name: "the days, of a day", change: linked("days"), options: day},
		{name: "the rows of a day", change: linked("days/" + row.BotID + "/" + ofDate + "/r1.ndjson")},
		{name: "a day", change: linked("days/" + row.BotID + "/" + ofDate), options: day},
		{name: "a link beside the days", change: func(t *testing.T, sample *verifytest.Archive) {
			t.Helper()
			require.NoError(t, os.Symlink("st-bot-0", path(sample, "days/other")))
		}},
		{name: "a link elsewhere", holds: true, change: func(t *testing.T, sample *verifytest.Archive) {
			t.Helper()
			require.NoError(t, os.Symlink("days", path(sample, "other")))
		}},
	})
}
