package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/callvault/callvault/workflows"
)

// ManifestName is the name of the manifest in its session's folder.
const ManifestName = "manifest.json"

// maxObjectName bounds a name in bytes. Stores on a file system allow 255
// for a segment; the difference is left for suffixes that they append.
const maxObjectName = 200

// Folder returns the common prefix of a session's objects, ending with a slash, by
// [DefaultTemplate]. It fails if the session is not valid.
func Folder(prefix string, session workflows.Session) (string, error) {
	return Template{}.folder(prefix, session)
}

// SourceFile is one file of a call as the vendor names it.
type SourceFile struct {
	// Name is the vendor's name, unchecked.
	Name string
	// Location distinguishes files of the same name: the unsigned part of the
	// URL, which is the same at every status check.
	Location string
}

// NamedFile is a file with the name it gets in the archive.
type NamedFile struct {
	// ObjectName is a safe name, unique among the files of the call.
	ObjectName string
	// Source identifies the file across status checks.
	Source string
	// Index is the index of the file in the argument of NameFiles.
	Index int
}

// NameFiles gives each file of a call its name in the archive. A name depends
// on the set of files only, not on their order, so that every attempt writes the
// same file under the same key. A file that is listed twice is named once.
//
// archived has the object names of files of this call that are already in the
// archive, by [NamedFile.Source], listed in files or not; it may be nil. Such a
// file keeps its name, and no other file gets it.
func NameFiles(files []SourceFile, archived map[string]string) []NamedFile {
	kept := make(map[string]bool, len(archived))
	for _, name := range archived {
		kept[strings.ToLower(name)] = true
	}
	named := distinctFiles(files)
	names, free := tryNames(named, archived, kept, 0)
	for round := 1; !free; round++ {
		names, free = tryNames(named, archived, kept, round)
	}
	for i := range named {
		named[i].ObjectName, named[i].Source = names[i], shortSource(named[i].Source)
		if name, ok := archived[named[i].Source]; ok {
			named[i].ObjectName = name
		}
	}
	return named
}

// tryNames returns a name for each file, and whether the names differ from each
// other and from the kept ones. In round 0 a name has a suffix only if another file
// has the same one; in later rounds every name has one.
func tryNames(named []NamedFile, archived map[string]string, kept map[string]bool, round int) (names []string, free bool) {
	counts := make(map[string]int, len(named))
	for _, file := range named {
		counts[strings.ToLower(file.ObjectName)]++
	}
	taken := make(map[string]bool, len(named))
	free = true
	for _, file := range named {
		name := file.ObjectName
		_, isArchived := archived[shortSource(file.Source)]
		if lower := strings.ToLower(name); round > 0 || counts[lower] > 1 || kept[lower] && !isArchived {
			name = withSuffix(name, suffixFor(file.Source, round))
		}
		lower := strings.ToLower(name)
		if taken[lower] || kept[lower] && !isArchived {
			free = false
		}
		taken[lower] = true
		names = append(names, name)
	}
	return names, free
}

// suffixFor returns a short suffix at first, because it is usually enough. Another
// file may have the name with that suffix as its own, so the next is long, and any
// further one is new.
func suffixFor(source string, round int) string {
	switch round {
	case 0:
		return source[:8]
	case 1:
		return source[:32]
	default:
		return digest(fmt.Sprint(source, round))[:32]
	}
}

// shortSource is enough of a source to identify one of a call's files.
func shortSource(source string) string { return source[:16] }

// distinctFiles returns each file once, with its own safe name and its whole source.
func distinctFiles(files []SourceFile) []NamedFile {
	var named []NamedFile
	seen := make(map[string]bool, len(files))
	for i, file := range files {
		source := digest(file.Name + "\x00" + file.Location)
		if !seen[source] {
			seen[source] = true
			named = append(named, NamedFile{ObjectName: safeName(file.Name), Source: source, Index: i})
		}
	}
	return named
}

// safeName returns name if it is safe in every store and file system. Otherwise
// it replaces unsafe characters and adds a digest of name, so that different
// names stay different.
func safeName(name string) string {
	if isSafe(name) && !belongsToCall(name) {
		return name
	}
	safe := withSafeRunes(name)
	if strings.Trim(safe, "_.") == "" {
		safe = "recording"
	}
	return withSuffix(strings.TrimRight(safe, "."), digest(name)[:8])
}

// isSafe reports whether an object of a session may have a name. Recordings had those of
// attachments in releases that knew none.
func isSafe(name string) bool {
	return withSafeRunes(name) == name && name != "" && len(name) <= maxObjectName && !strings.EqualFold(name, ManifestName) && !strings.HasSuffix(name, ".")
}

func withSafeRunes(name string) string {
	return strings.TrimLeft(strings.Map(safeRune, path.Base(strings.ReplaceAll(name, `\`, "/"))), ".-")
}

const safeRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

func safeRune(r rune) rune {
	if strings.ContainsRune(safeRunes, r) {
		return r
	}
	return '_'
}

// withSuffix puts suffix between the stem and the extension of name, and
// shortens the stem if the result would be too long.
func withSuffix(name, suffix string) string {
	extension := path.Ext(name)
	if len(extension) > 10 {
		extension = ""
	}
	stem := strings.TrimSuffix(name, extension)
	room := maxObjectName - len(extension) - len(suffix) - 1
	return stem[:min(len(stem), room)] + "-" + suffix + extension
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
