package verifytest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

type generator struct {
	*Archive
	random *rand.Rand
	// objects are the keys of the files and attachments of a session as it is.
	objects map[workflows.Session][]string
}

// firstDay is that of every bot.
var firstDay = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

// write seals days in the order of time, and appends their entries one by one or a few at once.
func (g *generator) write(config Config) error {
	days := config.Days
	if days == 0 {
		days = 3
	}
	var entries [][]byte
	for n := range max(days, config.EmptyDays) {
		var sealed [][]byte
		for bot := range 3 {
			if n >= days {
				break
			}
			ofDay, err := g.day(workflows.Day{BotID: fmt.Sprintf("st-bot-%d", bot), Date: dateOf(n)})
			if err != nil {
				return err
			}
			sealed = append(sealed, ofDay...)
		}
		if n < config.EmptyDays {
			entry, err := g.Seal(workflows.Day{BotID: "st-quiet", Date: dateOf(n)}, nil, g.listings(0), g.sealedAt(n))
			if err != nil {
				return err
			}
			sealed = append(sealed, entry)
		}
		for _, entry := range sealed {
			if entries = append(entries, entry); g.random.IntN(3) == 0 || len(entries) > 20 {
				if err := g.Append(entries...); err != nil {
					return err
				}
				entries = nil
			}
		}
	}
	if len(entries) > 0 {
		if err := g.Append(entries...); err != nil {
			return err
		}
	}
	return g.finish()
}

func dateOf(n int) string { return firstDay.AddDate(0, 0, n).Format(time.DateOnly) }

func (g *generator) sealedAt(n int) time.Time {
	return firstDay.AddDate(0, 0, n+2).Add(time.Duration(g.random.IntN(3600e9)))
}

// finish stamps a checkpoint, and marks what is proven of the log.
func (g *generator) finish() error {
	if n := len(g.Checkpoints); n > 2 {
		stamped := g.Checkpoints[n/2]
		size := strings.Split(string(stamped), "\n")[1]
		// A verifier need not look at it, so it is not among what is proven.
		if err := g.store.write(daylog.StampsPrefix(g.Prefix)+size+daylog.StampedSuffix, stamped); err != nil {
			return err
		}
	}
	for _, key := range provenLog(g.Prefix, int64(len(g.Entries))) {
		g.Proven[key] = true
	}
	return nil
}

// day seals one day, one to three times.
func (g *generator) day(day workflows.Day) (entries [][]byte, err error) {
	begin, err := day.Begin()
	if err != nil {
		return nil, err
	}
	var ids []string
	for range g.random.IntN(7) {
		ids = append(ids, fmt.Sprintf("%08x%016x", begin.Unix()+int64(g.random.IntN(86400)), g.random.Uint64()))
	}
	slices.Sort(ids)
	revisions := 1 + g.random.IntN(3)*g.random.IntN(2)
	var rows []dayrecord.Row
	for revision := range revisions {
		if revision == 0 {
			for _, id := range ids {
				row, err := g.session(workflows.Session{BotID: day.BotID, SessionID: id})
				if err != nil {
					return nil, err
				}
				rows = append(rows, row)
			}
		} else if rows, err = g.change(day, begin, rows); err != nil {
			return nil, err
		}
		entry, err := g.Seal(day, slices.Clone(rows), g.listings(len(rows)), begin.AddDate(0, 0, 2+revision).Add(time.Duration(g.random.IntN(3600e9))))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// change fetches a session again, or finds one more.
func (g *generator) change(day workflows.Day, begin time.Time, rows []dayrecord.Row) ([]dayrecord.Row, error) {
	rows = slices.Clone(rows)
	session := workflows.Session{BotID: day.BotID, SessionID: fmt.Sprintf("%08x%016x", begin.Unix()+int64(g.random.IntN(86400)), g.random.Uint64())}
	if len(rows) > 0 && g.random.IntN(2) == 0 {
		at := g.random.IntN(len(rows))
		session = rows[at].Session
		rows = slices.Delete(rows, at, at+1)
	}
	row, err := g.session(session)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row)
	slices.SortFunc(rows, func(a, b dayrecord.Row) int { return strings.Compare(a.SessionID, b.SessionID) })
	return rows, nil
}

func (g *generator) listings(sessions int) []dayrecord.Listing {
	listings := []dayrecord.Listing{
		{List: dayrecord.InteractionDetails, At: firstDay, Sessions: sessions, Calls: 1 + g.random.IntN(5)},
		{List: dayrecord.GetSessions, At: firstDay.Add(time.Minute), Sessions: sessions, Calls: 1},
	}
	switch g.random.IntN(4) {
	case 0:
		listings[0].Unavailable = "the account's id is not configured"
	case 1:
		listings[1].Incomplete = []string{"the list says 7, and 6 came"}
	}
	return listings
}

var outcomes = []workflows.Outcome{
	workflows.OutcomeArchived, workflows.OutcomeArchived, workflows.OutcomeArchived, workflows.OutcomeUnavailable,
	workflows.OutcomeFailed, workflows.OutcomeGaveUp, "lost_to_retention", "damaged",
}

// manifest is archive.Manifest with attachments.
type manifest struct {
	archive.Manifest
	Attachments []attachment `json:"attachments,omitempty"`
}

type attachment struct {
	Kind string `json:"kind"`
	dayrecord.Object
	ContentType string `json:"contentType"`
}

// session writes the objects of a session, and returns its row.
func (g *generator) session(session workflows.Session) (dayrecord.Row, error) {
	callTime, err := session.CallTime()
	if err != nil {
		return dayrecord.Row{}, err
	}
	folder, err := archive.Folder(g.Prefix, session)
	if err != nil {
		return dayrecord.Row{}, err
	}
	for _, key := range g.objects[session] {
		delete(g.Proven, key) // The new manifest does not have it.
		delete(g.Erasable, key)
	}
	g.objects[session] = nil
	outcome := outcomes[g.random.IntN(len(outcomes))]
	row := dayrecord.Row{Session: session, CallTime: callTime, ListedBy: g.listedBy(), Outcome: outcome, Status: "success", Files: []dayrecord.Object{}}
	m := manifest{Manifest: archive.Manifest{
		Version: 1, Session: session, CallTime: callTime, Outcome: string(outcome), Status: row.Status, Files: []archive.File{}, StatusChecks: 1 + g.random.IntN(9),
		StartedAt: callTime.Add(time.Hour), FinishedAt: callTime.Add(2 * time.Hour), WorkflowID: session.FetchWorkflowID(), RunID: fmt.Sprint(g.random.Uint64()),
	}}
	if g.random.IntN(2) == 0 {
		m.Evidence = []status.Evidence{{Status: "success", First: callTime, Last: callTime.Add(time.Hour), Count: 2}}
		row.Evidence = m.Evidence
	}
	if outcome == workflows.OutcomeArchived {
		if err := g.files(folder, &row, &m); err != nil {
			return row, err
		}
	}
	if err := g.attachments(folder, &row, &m); err != nil {
		return row, err
	}
	if g.random.IntN(2) == 0 {
		row.PurgeAt, row.UserHash = callTime.AddDate(0, 3, 0), hexSHA256([]byte(session.SessionID))
	}
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return row, err
	}
	row.Manifest, err = g.Put(folder+archive.ManifestName, append(content, '\n'))
	return row, err
}

func (g *generator) listedBy() []string {
	switch g.random.IntN(10) {
	case 0:
		return []string{}
	case 1:
		return []string{dayrecord.GetSessions}
	case 2:
		return []string{dayrecord.InteractionDetails}
	default:
		return []string{dayrecord.GetSessions, dayrecord.InteractionDetails}
	}
}

// files writes the recordings of a call. A call that is fetched again has
// files of other names.
func (g *generator) files(folder string, row *dayrecord.Row, m *manifest) error {
	for range 1 + g.random.IntN(3) {
		name := fmt.Sprintf("f-%08x.wav", g.random.Uint32())
		object, err := g.Put(folder+name, g.bytes(4000))
		if err != nil {
			return err
		}
		g.objects[row.Session] = append(g.objects[row.Session], object.Key)
		row.Files, row.Bytes = append(row.Files, object), row.Bytes+object.Bytes
		m.Files = append(m.Files, archive.File{FileName: name, Key: object.Key, Bytes: object.Bytes, SHA256: object.SHA256, ContentType: "audio/wav", Format: "wav", Source: "0123456789abcdef"})
	}
	return nil
}

// attachments writes what belongs to a call, which may have no recording.
func (g *generator) attachments(folder string, row *dayrecord.Row, m *manifest) error {
	for _, kind := range []string{"call", "transcript"} {
		if g.random.IntN(2) == 0 {
			continue
		}
		object, err := g.Put(fmt.Sprintf("%s%s-%08x.json", folder, kind, g.random.Uint32()), g.bytes(300))
		if err != nil {
			return err
		}
		g.objects[row.Session] = append(g.objects[row.Session], object.Key)
		if kind == "call" {
			g.Erasable[object.Key] = true
		}
		m.Attachments = append(m.Attachments, attachment{kind, object, "application/json"})
	}
	return nil
}

func (g *generator) bytes(most int) []byte {
	content := make([]byte, 1+g.random.IntN(most))
	for i := range content {
		content[i] = byte(g.random.Uint32()) //nolint:gosec // Its low byte is wanted.
	}
	return content
}
