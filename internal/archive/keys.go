package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// ManifestName is the name of the manifest in its session's folder.
const ManifestName = "manifest.json"

// maxObjectName bounds a name in bytes. Stores on a file system allow 255
// for a segment; the difference is left for suffixes that they append.
const maxObjectName = 200

// Folder returns the common prefix of a session's objects, ending with a slash.
// The date is the call's, in UTC. It fails if the session is not valid.
func Folder(prefix string, session workflows.Session) (string, error) {
	callTime, err := session.CallTime()
	if err != nil {
		return "", failure.Wrap(failure.InvalidInput, err)
	}
	return prefix + session.BotID + "/" + callTime.Format("2006/01/02") + "/" + session.SessionID + "/", nil
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
func NameFiles(files []SourceFile) []NamedFile {
	sources := make(map[string]bool, len(files))
	counts := make(map[string]int, len(files))
	var named []NamedFile
	for i, file := range files {
		source := digest(file.Name + "\x00" + file.Location)
		if sources[source] {
			continue
		}
		sources[source] = true
		name := safeName(file.Name)
		counts[strings.ToLower(name)]++
		named = append(named, NamedFile{ObjectName: name, Source: source, Index: i})
	}
	taken := make(map[string]bool, len(named))
	for i, file := range named {
		if counts[strings.ToLower(file.ObjectName)] > 1 {
			named[i].ObjectName = withSuffix(file.ObjectName, file.Source[:8])
		}
		taken[strings.ToLower(named[i].ObjectName)] = true
	}
	for i, file := range named {
		if len(taken) < len(named) {
			// One file's own name equals another's name with its suffix: use a
			// suffix that is too long to imitate.
			named[i].ObjectName = withSuffix(safeName(files[file.Index].Name), file.Source[:32])
		}
		named[i].Source = file.Source[:16]
	}
	return named
}

// safeName returns name if it is safe in every store and file system. Otherwise
// it replaces unsafe characters and adds a digest of name, so that different
// names stay different.
func safeName(name string) string {
	safe := strings.Map(safeRune, path.Base(strings.ReplaceAll(name, `\`, "/")))
	safe = strings.TrimLeft(safe, ".-")
	if safe == name && name != "" && len(name) <= maxObjectName && !strings.EqualFold(name, ManifestName) && !strings.HasSuffix(name, ".") {
		return name
	}
	if strings.Trim(safe, "_.") == "" {
		safe = "recording"
	}
	return withSuffix(strings.TrimRight(safe, "."), digest(name)[:8])
}

func safeRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.", r):
		return r
	default:
		return '_'
	}
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
