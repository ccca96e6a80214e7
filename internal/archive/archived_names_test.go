package archive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
)

// namesBySource names files, some of which are archived.
func namesBySource(files []archive.SourceFile, archived map[string]string) map[string]string {
	names := make(map[string]string)
	for _, file := range archive.NameFiles(files, archived) {
		names[file.Source] = file.ObjectName
	}
	return names
}

func sourceOf(t *testing.T, file archive.SourceFile) string {
	t.Helper()
	return archive.NameFiles([]archive.SourceFile{file}, nil)[0].Source
}

func TestArchivedFileKeepsItsName(t *testing.T) {
	first := archive.SourceFile{Name: "a.wav", Location: "h/1"}
	second := archive.SourceFile{Name: "A.wav", Location: "h/2"}
	one, two := sourceOf(t, first), sourceOf(t, second)

	names := namesBySource([]archive.SourceFile{first, second}, map[string]string{one: "a.wav"})
	require.Equal(t, map[string]string{one: "a.wav", two: "A-" + two[:8] + ".wav"}, names)
	require.Equal(t, names, namesBySource([]archive.SourceFile{second, first}, map[string]string{one: "a.wav"}))

	names = namesBySource([]archive.SourceFile{first}, map[string]string{one: "named-by-another-release.wav"})
	require.Equal(t, map[string]string{one: "named-by-another-release.wav"}, names)
}

// The vendor may no longer list a file that is archived.
func TestNameOfArchivedFileIsNotGivenAgain(t *testing.T) {
	gone := archive.SourceFile{Name: "a.wav", Location: "h/1"}
	listed := archive.SourceFile{Name: "A.WAV", Location: "h/2"}
	source := sourceOf(t, listed)
	names := namesBySource([]archive.SourceFile{listed}, map[string]string{sourceOf(t, gone): "a.wav"})
	require.Equal(t, map[string]string{source: "A-" + source[:8] + ".WAV"}, names)
}

// A file that could not be archived at first has the same name at the next attempt.
func TestNameDoesNotDependOnWhatIsArchivedMeanwhile(t *testing.T) {
	files := []archive.SourceFile{
		{Name: "a.wav", Location: "h/1"}, {Name: "a.wav", Location: "h/2"}, {Name: "b.wav", Location: "h/1"}, {Name: "a b.wav", Location: "h/1"},
	}
	first := namesBySource(files, nil)
	require.Len(t, first, 4)
	sources := slices.Sorted(maps.Keys(first))
	for subset := range 1 << len(sources) {
		archived := make(map[string]string)
		for i, source := range sources {
			if subset&(1<<i) != 0 {
				archived[source] = first[source]
			}
		}
		require.Equal(t, first, namesBySource(files, archived))
	}
}

// An archived file may be named as another one will be with a suffix, however long.
func TestNameThatImitatesASuffixIsAvoided(t *testing.T) {
	files := []archive.SourceFile{{Name: "a.wav", Location: "h/1"}, {Name: "a.wav", Location: "h/2"}}
	sum := sha256.Sum256([]byte("a.wav\x00h/1"))
	whole := hex.EncodeToString(sum[:])
	sum = sha256.Sum256([]byte(whole + "2"))
	second := hex.EncodeToString(sum[:])
	short, long := "A-"+whole[:8]+".wav", "A-"+whole[:32]+".wav"
	for _, row := range []struct {
		archived []string
		want     string
	}{
		{nil, "^a-" + whole[:8] + `\.wav$`},
		{[]string{long}, "^a-" + whole[:8] + `\.wav$`},
		{[]string{short}, "^a-" + whole[:32] + `\.wav$`},
		{[]string{short, long}, "^a-" + second[:32] + `\.wav$`},
	} {
		archived := make(map[string]string)
		for i, name := range row.archived {
			archived[fmt.Sprint("another file", i)] = name
		}
		var all []string
		for _, file := range archive.NameFiles(files, archived) {
			all = append(all, file.ObjectName)
		}
		require.Regexp(t, row.want, all[0])
		requireSafe(t, append(all, row.archived...))

		// The next round's name may be archived too.
		archived["yet another file"] = all[0]
		next := archive.NameFiles(files, archived)
		requireSafe(t, append(row.archived, all[0], next[0].ObjectName, next[1].ObjectName))
	}
}

func FuzzArchivedNamesAreKeptAndUnique(f *testing.F) {
	f.Add("a.wav", "a.wav", "A.wav", "a.wav", uint8(1))
	f.Add("", ".", "..", "recording-e3b0c442", uint8(7))
	f.Add("a b", "a?b", "a_b", "A_B", uint8(2))
	f.Fuzz(func(t *testing.T, a, b, c, kept string, which uint8) {
		files := []archive.SourceFile{{Name: a, Location: "h/1"}, {Name: b, Location: "h/2"}, {Name: c, Location: "h/3"}}
		archived := map[string]string{"0123456789abcdef": kept}
		for i, file := range archive.NameFiles(files, nil) {
			if which&(1<<i) != 0 && !strings.EqualFold(file.ObjectName, kept) {
				archived[file.Source] = file.ObjectName
			}
		}
		seen := map[string]bool{strings.ToLower(kept): true}
		for _, file := range archive.NameFiles(files, archived) {
			if name, ok := archived[file.Source]; ok {
				require.Equal(t, name, file.ObjectName)
			}
			require.NotContains(t, seen, strings.ToLower(file.ObjectName))
			seen[strings.ToLower(file.ObjectName)] = true
		}
	})
}
