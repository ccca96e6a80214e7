package archive

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// The objects of sealed days in the archive, and those of the log, beside the bots' folders.

// DayFile is one of the two objects of a revision of a day.
type DayFile string

// The objects of a revision.
const (
	// DayRecordFile is the record, r{n}.json.
	DayRecordFile DayFile = "json"
	// DayRowsFile has a row for each session, r{n}.ndjson.
	DayRowsFile DayFile = "ndjson"
)

// DaysPrefix returns the common prefix of all objects of days, ending with a slash. prefix
// is the archive's.
func DaysPrefix(prefix string) string { return prefix + "days/" }

// LogPrefix returns the common prefix of all objects of the log, ending with a slash.
// prefix is the archive's.
func LogPrefix(prefix string) string { return prefix + "log/" }

// BotDaysPrefix returns the common prefix of the objects of all days of a bot, ending with a
// slash. prefix is the archive's. It fails if the bot's id is malformed.
func BotDaysPrefix(prefix, botID string) (string, error) {
	if err := workflows.ValidateBotID(botID); err != nil {
		return "", failure.Wrap(failure.InvalidInput, err)
	}
	return DaysPrefix(prefix) + botID + "/", nil
}

// DayPrefix returns the common prefix of the objects of a day, ending with a slash. prefix is
// the archive's. It fails if the day is malformed.
func DayPrefix(prefix string, day workflows.Day) (string, error) {
	ofBot, invalid := BotDaysPrefix(prefix, day.BotID)
	begin, malformed := day.Begin()
	if err := errors.Join(invalid, malformed); err != nil {
		return "", failure.Wrap(failure.InvalidInput, err)
	}
	return ofBot + begin.Format("2006/01/02/"), nil
}

// DayKey returns the key of an object of a day's revision, which is 1 or more. prefix is the
// archive's. It fails if the day or the revision is malformed.
func DayKey(prefix string, day workflows.Day, revision int, file DayFile) (string, error) {
	ofDay, err := DayPrefix(prefix, day)
	if err != nil {
		return "", err
	}
	if revision < 1 {
		return "", failure.Wrap(failure.InvalidInput, fmt.Errorf("revision %d is out of bounds: want 1 or more", revision))
	}
	return fmt.Sprintf("%sr%d.%s", ofDay, revision, file), nil
}

// dayKeyPattern is that of a key below [DaysPrefix]. A revision has at most 9 digits.
var dayKeyPattern = regexp.MustCompile(`^([^/]+)/(\d{4})/(\d{2})/(\d{2})/r([1-9]\d{0,8})\.(json|ndjson)$`)

// ParseDayKey is the inverse of [DayKey]. ok is false if key is none of a day's objects.
func ParseDayKey(prefix, key string) (day workflows.Day, revision int, file DayFile, ok bool) {
	rest, below := strings.CutPrefix(key, DaysPrefix(prefix))
	match := dayKeyPattern.FindStringSubmatch(rest)
	if !below || match == nil {
		return workflows.Day{}, 0, "", false
	}
	day = workflows.Day{BotID: match[1], Date: strings.Join(match[2:5], "-")}
	revision, _ = strconv.Atoi(match[5]) // The pattern bounds it.
	file = DayFile(match[6])
	same, err := DayKey(prefix, day, revision, file)
	return day, revision, file, err == nil && same == key
}

// Prefix returns what every key of the archive begins with; it may be empty.
func (s *Store) Prefix() string { return s.prefix }

// DaysPrefix is the function of that name, of this archive.
func (s *Store) DaysPrefix() string { return DaysPrefix(s.prefix) }

// LogPrefix is the function of that name, of this archive.
func (s *Store) LogPrefix() string { return LogPrefix(s.prefix) }

// DayPrefix is the function of that name, of this archive.
func (s *Store) DayPrefix(day workflows.Day) (string, error) { return DayPrefix(s.prefix, day) }

// DayKey is the function of that name, of this archive.
func (s *Store) DayKey(day workflows.Day, revision int, file DayFile) (string, error) {
	return DayKey(s.prefix, day, revision, file)
}

// WorkingFilesKept is how long the working files of days and the notes on them have to be
// kept, by the README's lifecycle rule: longer than a day usually waits for its last call
// (30 days of giveUpAfter) and until it is listed for the last time (45 days).
const WorkingFilesKept = 90 * 24 * time.Hour

// WorkingFolder returns the common prefix of the working files of one run that archives a
// day, ending with a slash. Nothing of them is part of the proof; a lifecycle rule may remove
// them after [WorkingFilesKept].
func (s *Store) WorkingFolder(day workflows.Day, runID string) string {
	return s.DayNote(day, runID+"/")
}

// DayNote returns the key of a note on a day: what would otherwise have to be found out
// again.
func (s *Store) DayNote(day workflows.Day, name string) string {
	return s.prefix + workingFolder + "days/" + day.BotID + "/" + day.Date + "/" + name
}

// Place names the archive: the store's host, the bucket and the prefix as it is, since
// "calls" and "calls/" are two. Two accounts that have the same one share its log.
func (s *Store) Place() string {
	return s.config.Endpoint.Host + "/" + s.bucket + "/" + s.prefix
}
