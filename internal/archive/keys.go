package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"time"
)

// ManifestName is the manifest's name beside the files of its session.
const ManifestName = "manifest.json"

// maxObjectName bounds a name in bytes. Stores over a file system allow 255
// for a segment; the rest is for what they append to it.
const maxObjectName = 200

// Folder is the common prefix of a session's objects, ending with a slash.
func Folder(prefix, botID, sessionID string, callTime time.Time) string {
	return prefix + botID + "/" + callTime.UTC().Format("2006/01/02") + "/" + sessionID + "/"
}

// SourceFile is one file of a call as the vendor names it.
type SourceFile struct {
	// Name is the vendor's name, whatever it holds.
	Name string
	// Location tells files of one name apart: the unsigned part of the URL,
	// which stays the same from check to check.
	Location string
}

// NamedFile is a file with the name it gets in the archive.
type NamedFile struct {
	// ObjectName is a safe name, unique among the files of the call.
	ObjectName string
	// Source identifies the file over several checks.
	Source string
	// Index is the place of the file in what was given.
	Index int
}

// NameFiles gives each file of a call its name in the archive. A name follows
// from the set of files alone, never from the order of the list, so that every
// try writes the same file under the same key. A file that is listed twice is
// named once.
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
			// One file's own name is what another's became: tell all apart by
			// more digits than a name could imitate.
			named[i].ObjectName = withSuffix(safeName(files[file.Index].Name), file.Source[:32])
		}
		named[i].Source = file.Source[:16]
	}
	return named
}

// safeName is name if it is safe in every store and file system, otherwise
// what is safe of it and a digest of the whole, so that two names that differ
// stay different.
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
// shortens the stem if the whole would be too long.
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
