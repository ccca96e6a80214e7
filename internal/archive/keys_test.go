package archive_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
)

func TestFolderFollowsTheDocumentedLayout(t *testing.T) {
	for _, row := range []struct{ prefix, sessionID, want string }{
		{"", sessionID, botID + "/2024/03/05/" + sessionID + "/"},
		{"calls/", sessionID, "calls/" + botID + "/2024/03/05/" + sessionID + "/"},
		{"a/b-", sessionID, "a/b-" + botID + "/2024/03/05/" + sessionID + "/"},
		// The day is the call's in UTC: 23:59:59 and a second later.
		{"", "65e7b1ff3242653c58d7aaaa", botID + "/2024/03/05/65e7b1ff3242653c58d7aaaa/"},
		{"", "65e7b2003242653c58d7aaaa", botID + "/2024/03/06/65e7b2003242653c58d7aaaa/"},
	} {
		folder, err := archive.Folder(row.prefix, workflows.Session{BotID: botID, SessionID: row.sessionID})
		require.NoError(t, err)
		require.Equal(t, row.want, folder)
	}
	_, err := archive.Folder("", workflows.Session{BotID: botID, SessionID: "../.."})
	failed, _ := failure.Of(err)
	require.Equal(t, failure.InvalidInput, failed.FailureKind())
}

// names returns the names in the archive of files with different locations.
func names(vendors ...string) []string {
	files := make([]archive.SourceFile, 0, len(vendors))
	for i, name := range vendors {
		files = append(files, archive.SourceFile{Name: name, Location: fmt.Sprintf("host/%d.wav", i)})
	}
	var named []string
	for _, file := range archive.NameFiles(files, nil) {
		named = append(named, file.ObjectName)
	}
	return named
}

func TestOrdinaryNameIsKept(t *testing.T) {
	for _, name := range []string{
		"22d8ca62d5c430a03a8d06999289a7c0-merged.wav", "a", "a.flac", "A_B-c.1.wav", "no-extension", "a..b", "_",
		strings.Repeat("a", 196) + ".wav", "manifest.json.wav", "xmanifest.json",
		"call.json.wav", "recall.json", "voicemail.wav", "voicemail-1.wav", "voicemail_67aa38026e199c8f470e0000.wav", "voicemail-0123456789abcdef.a.wav",
	} {
		require.Equal(t, []string{name}, names(name))
	}
}

// Some digests are pinned: a name that changed would archive files twice.
func TestUnsafeNameIsMadeSafe(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"", "recording-e3b0c442"},
		{".", "recording-cdb4ee2a"},
		{"..", "recording-5ec1f7e7"},
		{"../../etc/passwd", "passwd-3754d6cb"},
		{"/etc/passwd", "passwd-"},
		{"a/b.wav", "b-"},
		{`C:\calls\b.wav`, "b-"},
		{"a/", "a-"},
		{"///", "recording-"},
		{"a\x00b.wav", "a_b-"},
		{"Gespräch (1).wav", "Gespr_ch__1_-"},
		{"通話.wav", "__-"},
		{"\xff\xfe.wav", "__-"},
		{"a?b=c&d.wav", "a_b_c_d-"},
		{".hidden.wav", "hidden-"},
		{"-rf.wav", "rf-"},
		{"a.", "a-"},
		{"con .", "con_-"},
		{"manifest.json", "manifest-"},
		{"MANIFEST.JSON", "MANIFEST-"},
		{"Manifest.Json", "Manifest-"},
		{"x/manifest.json", "manifest-"},
		{"call.json", "call-"},
		{"CALL.json", "CALL-"},
		{"x/transcript.json", "transcript-"},
		{"voicemail-0123456789abcdef.wav", "voicemail-0123456789abcdef-"},
		{"VOICEMAIL-0123456789ABCDEF", "VOICEMAIL-0123456789ABCDEF-"},
		{strings.Repeat("a", 300) + ".wav", strings.Repeat("a", 187) + "-"},
		{"a." + strings.Repeat("b", 300), "a." + strings.Repeat("b", 189) + "-"},
	} {
		got := names(row.name)
		require.Len(t, got, 1)
		require.True(t, strings.HasPrefix(got[0], row.want), "%q became %q", row.name, got[0])
		requireSafe(t, got)
		if strings.HasSuffix(row.name, ".wav") {
			require.True(t, strings.HasSuffix(got[0], ".wav"), "the extension is kept")
		}
	}
}

// What follows the last dot is an extension only if it is short.
func TestShortExtensionIsKept(t *testing.T) {
	require.Regexp(t, `^a_b-[0-9a-f]{8}\.ninechars$`, names("a b.ninechars")[0])
	require.Regexp(t, `^a_b\.tencharact-[0-9a-f]{8}$`, names("a b.tencharact")[0])
}

func TestFilesOfOneCallGetUniqueNames(t *testing.T) {
	for name, vendors := range map[string][]string{
		"the same name":               {"a.wav", "a.wav"},
		"three of them":               {"a.wav", "a.wav", "a.wav"},
		"names that differ in case":   {"a.wav", "A.wav", "a.WAV"},
		"names with equal safe forms": {"a b.wav", "a?b.wav", "a_b.wav"},
		"names without letters":       {"", ".", "..", "/", "//", "-"},
		"manifests":                   {"manifest.json", "MANIFEST.json", "x/manifest.json"},
		"overlong names":              {strings.Repeat("a", 300), strings.Repeat("a", 301), strings.Repeat("a", 300) + "b"},
		"folders and the same leaf":   {"left/a.wav", "right/a.wav", "a.wav"},
		"names of the maximum length": {strings.Repeat("a", 200), strings.Repeat("A", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			got := names(vendors...)
			require.Len(t, got, len(vendors))
			requireSafe(t, got)
		})
	}
}

// The suffix is predictable, so a third file may already have the name that the
// first one would get.
func TestImitatedSuffixDoesNotCollide(t *testing.T) {
	files := []archive.SourceFile{{Name: "a.wav", Location: "h/1"}, {Name: "a.wav", Location: "h/2"}}
	imitated := archive.NameFiles(files, nil)[0].ObjectName
	files = append(files, archive.SourceFile{Name: strings.ToUpper(imitated), Location: "h/3"})
	var got []string
	for _, file := range archive.NameFiles(files, nil) {
		got = append(got, file.ObjectName)
	}
	require.Len(t, got, 3)
	requireSafe(t, got)
}

func TestFileListedTwiceIsNamedOnce(t *testing.T) {
	once := archive.NameFiles([]archive.SourceFile{{Name: "a.wav", Location: "h/1"}}, nil)
	twice := archive.NameFiles([]archive.SourceFile{{Name: "a.wav", Location: "h/1"}, {Name: "a.wav", Location: "h/1"}}, nil)
	require.Equal(t, once, twice, "and its name is the same as if it were listed once")
	require.Equal(t, "a.wav", once[0].ObjectName)
}

func TestSourceIsUniqueAndOpaque(t *testing.T) {
	named := archive.NameFiles([]archive.SourceFile{{Name: "a.wav", Location: "h/1"}, {Name: "a.wav", Location: "h/2"}, {Name: "b.wav", Location: "h/1"}}, nil)
	seen := make(map[string]bool)
	for _, file := range named {
		require.Regexp(t, `^[0-9a-f]{16}$`, file.Source)
		seen[file.Source] = true
	}
	require.Len(t, seen, 3)
}

// requireSafe requires names that every store and file system accepts, and that
// are unique.
func requireSafe(t *testing.T, named []string) {
	t.Helper()
	seen := make(map[string]string)
	for _, name := range named {
		require.Regexp(t, `^[0-9A-Za-z_][0-9A-Za-z_.-]*$`, name)
		require.LessOrEqual(t, len(name), 200)
		require.NotContains(t, []string{"manifest.json", "call.json", "transcript.json"}, strings.ToLower(name))
		require.NotRegexp(t, `^(?i)voicemail-[0-9a-f]{16}(\.[0-9a-z]{1,5})?$`, name)
		require.False(t, strings.HasSuffix(name, "."), name)
		require.NotContains(t, seen, strings.ToLower(name), "taken by %q", seen[strings.ToLower(name)])
		require.Equal(t, []string{name}, names(name), "a manifest may contain it")
		seen[strings.ToLower(name)] = name
	}
}

func FuzzNamesAreSafeUniqueAndOrderIndependent(f *testing.F) {
	for _, seed := range []struct {
		a, b, c string
		order   uint64
	}{
		{"a.wav", "a.wav", "A.wav", 1}, {"", ".", "..", 2}, {"../x", `..\x`, "x", 3}, {"manifest.json", "MANIFEST.JSON", "a/manifest.json", 4},
		{"a\x00b", "a b", "a_b", 5}, {strings.Repeat("a", 300), strings.Repeat("A", 300), "é\xff", 6}, {"-", "_", ".-.", 7}, {"a.b.", "a.b", "a.b..", 8},
		{"call.json", "Call.JSON", "voicemail-0123456789abcdef", 9}, {"voicemail-0123456789abcdef.wav", "transcript.json", "voicemail.wav", 10},
	} {
		f.Add(seed.a, seed.b, seed.c, seed.order)
	}
	f.Fuzz(func(t *testing.T, a, b, c string, order uint64) {
		files := []archive.SourceFile{{a, "h/1"}, {b, "h/1"}, {c, "h/1"}, {a, "h/2"}, {b, c}, {c, a}}
		named := archive.NameFiles(files, nil)
		bySource := make(map[archive.SourceFile]string)
		var all []string
		for _, file := range named {
			bySource[files[file.Index]] = file.ObjectName
			all = append(all, file.ObjectName)
			require.True(t, utf8.ValidString(file.Source))
		}
		require.Len(t, bySource, len(named))
		for _, file := range files {
			require.Contains(t, bySource, file, "every file has a name")
		}
		requireSafe(t, all)

		shuffled := slices.Clone(files)
		rand.New(rand.NewPCG(order, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, file := range archive.NameFiles(shuffled, nil) {
			require.Equal(t, bySource[shuffled[file.Index]], file.ObjectName, "seed %d", order)
		}
	})
}
