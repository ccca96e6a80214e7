package archive

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// DefaultTemplate is the key template of an archive that has no other.
const DefaultTemplate = "{bot}/{yyyy}/{mm}/{dd}/{session}"

// maxTemplateBytes bounds a template: with the longest prefix, bot's id and file name a key
// stays below the 1,024 bytes that S3 allows, and a folder below the 255 of a file system.
const maxTemplateBytes = 150

// The fields of a template. Those of the date are the call's, in UTC.
const (
	fieldBot     = "{bot}"
	fieldSession = "{session}"
)

// dateFields are the other fields, and how a time is formatted for them.
var dateFields = map[string]string{"{yyyy}": "2006", "{mm}": "01", "{dd}": "02"}

const fieldPattern = `\{(?:bot|yyyy|mm|dd|session)\}`

var (
	// folderPattern: a folder begins with a letter, a digit or a field, so none is "." or "..".
	folderPattern = regexp.MustCompile(`^(?:` + fieldPattern + `|[0-9A-Za-z])(?:` + fieldPattern + `|[0-9A-Za-z._=-])*$`)
	// lastPattern is that of the last folder. Nothing varies in it but the session, so that
	// what is before it is the same for all sessions of a bot and day.
	lastPattern = regexp.MustCompile(`^(?:[0-9A-Za-z][0-9A-Za-z._=-]*)?` + regexp.QuoteMeta(fieldSession) + `$`)
	partPattern = regexp.MustCompile(fieldPattern + `|[^{]+`)
)

// reservedFolders are those beside the sessions' ones, after the prefix.
var reservedFolders = []string{"batches", "days", "log", openedFolder}

// Template makes the folders of sessions, after the archive's prefix. The zero value is
// [DefaultTemplate]. Under another template than the one that a session was archived with,
// the session is not found, and would be fetched again.
type Template struct{ parts []string }

// ParseTemplate returns the template of a text: folders of letters, digits, "-", "_", ".",
// "=" and the fields {bot}, {yyyy}, {mm}, {dd} and {session}. It has {bot} once, and ends with
// {session}, so that each session has a folder of its own.
func ParseTemplate(text string) (Template, error) {
	folders := strings.Split(text, "/")
	last := folders[len(folders)-1]
	switch {
	case text == "" || text == DefaultTemplate:
		return Template{}, nil
	case len(text) > maxTemplateBytes:
		return Template{}, fmt.Errorf("has %d bytes: want at most %d", len(text), maxTemplateBytes)
	case slices.ContainsFunc(folders, func(folder string) bool { return !folderPattern.MatchString(folder) }):
		return Template{}, errors.New(`has a folder that is not valid: want folders of letters, digits, "-", "_", ".", "=" and the fields {bot}, {yyyy}, {mm}, {dd} and {session}, without a slash at the beginning or the end`)
	case !lastPattern.MatchString(last) || strings.Count(text, fieldSession) != 1:
		return Template{}, errors.New("does not end with the folder of the session: want {session}, or a text and {session}, as the last folder, and nowhere else")
	case strings.Count(text, fieldBot) != 1:
		return Template{}, errors.New("does not have {bot} once: two bots must not share a folder")
	case slices.Contains(reservedFolders, folders[0]):
		return Template{}, fmt.Errorf("begins with %q, where callvault keeps something else: want another first folder", folders[0])
	}
	return Template{partPattern.FindAllString(text, -1)}, nil
}

// String returns the text of the template.
func (t Template) String() string {
	if t.parts == nil {
		return DefaultTemplate
	}
	return strings.Join(t.parts, "")
}

var defaultParts = partPattern.FindAllString(DefaultTemplate, -1)

// folder returns the common prefix of a session's objects, ending with a slash.
func (t Template) folder(prefix string, session workflows.Session) (string, error) {
	callTime, err := session.CallTime()
	if err != nil {
		return "", failure.Wrap(failure.InvalidInput, err)
	}
	parts := t.parts
	if parts == nil {
		parts = defaultParts
	}
	var folder strings.Builder
	folder.WriteString(prefix)
	for _, part := range parts {
		switch layout, isDate := dateFields[part]; {
		case isDate:
			folder.WriteString(callTime.Format(layout))
		case part == fieldBot:
			folder.WriteString(session.BotID)
		case part == fieldSession:
			folder.WriteString(session.SessionID)
		default:
			folder.WriteString(part)
		}
	}
	folder.WriteByte('/')
	return folder.String(), nil
}

// isFolderOf reports whether a key's folder may be a session's, whatever the archive's
// prefix and template were when it was written: each template has the bot and ends with the
// session.
func isFolderOf(folder string, session workflows.Session) bool {
	return strings.HasSuffix(folder, session.SessionID+"/") && strings.Contains(folder, session.BotID) && isPlain(folder)
}

// isPlain reports whether every store and terminal takes a folder as it is written: it is of
// visible ASCII, and no segment is "." or "..", which some stores and all browsers resolve.
func isPlain(folder string) bool {
	for segment := range strings.SplitSeq(folder, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(folder, func(r rune) bool { return r <= ' ' || r > '~' })
}
