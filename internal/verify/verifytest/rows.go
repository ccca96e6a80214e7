package verifytest

import (
	"encoding/json"
	"slices"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/merkle"
	"github.com/callvault/callvault/workflows"
)

// complete makes a record that of rows, and returns the rows' object.
func complete(record *dayrecord.Record, rows []dayrecord.Row, key string) []byte {
	var tree merkle.Tree
	body := []byte{}
	var d dayrecord.Disagreement
	counts := dayrecord.Counts{Sessions: len(rows), Outcomes: make(map[workflows.Outcome]int)}
	for _, row := range rows {
		line, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		tree.Add(line)
		body = append(append(body, line...), '\n')
		counts.Outcomes[row.Outcome]++
		counts.Files += len(row.Files)
		counts.Bytes += row.Bytes
		switch {
		case len(row.ListedBy) == 0:
			d.Unlisted = append(d.Unlisted, row.SessionID)
		case !bothAnswered(record.Listings) || len(row.ListedBy) > 1:
		case row.ListedBy[0] == dayrecord.GetSessions:
			d.OnlyGetSessions = append(d.OnlyGetSessions, row.SessionID)
		default:
			d.OnlyInteractionDetails = append(d.OnlyInteractionDetails, row.SessionID)
		}
	}
	counts.OnlyGetSessions, counts.OnlyInteractionDetails, counts.Unlisted = len(d.OnlyGetSessions), len(d.OnlyInteractionDetails), len(d.Unlisted)
	record.Counts = counts
	if record.Disagreement = nil; counts.OnlyGetSessions+counts.OnlyInteractionDetails+counts.Unlisted > 0 {
		record.Disagreement = &d
	}
	record.Rows = dayrecord.Rows{
		Object:   dayrecord.Object{Key: key, Bytes: int64(len(body)), SHA256: hexSHA256(body)},
		TreeSize: tree.Size(), TreeRoot: tree.HexRoot(),
	}
	return body
}

func bothAnswered(listings []dayrecord.Listing) bool {
	answered := func(list string) bool {
		return slices.ContainsFunc(listings, func(l dayrecord.Listing) bool { return l.List == list && l.Unavailable == "" })
	}
	return answered(dayrecord.GetSessions) && answered(dayrecord.InteractionDetails)
}

// SealLines seals a day whose rows are these lines, whatever they are, and appends its entry.
// Counts and disagreement are those of no rows.
func (a *Archive) SealLines(day workflows.Day, lines []string) error {
	key, err := archive.DayKey(a.Prefix, day, 1, archive.DayRowsFile)
	if err != nil {
		return err
	}
	record := dayrecord.Record{
		Version: dayrecord.Version, BotID: day.BotID, Date: day.Date, Revision: 1, SealedAt: firstDay.AddDate(0, 0, 2), Listings: []dayrecord.Listing{},
		Counts: dayrecord.Counts{Sessions: len(lines), Outcomes: map[workflows.Outcome]int{workflows.OutcomeUnavailable: len(lines)}},
	}
	var tree merkle.Tree
	body := []byte{}
	for _, line := range lines {
		tree.Add([]byte(line))
		body = append(append(body, line...), '\n')
	}
	object, err := a.Put(key, body)
	if err != nil {
		return err
	}
	record.Rows = dayrecord.Rows{Object: object, TreeSize: tree.Size(), TreeRoot: tree.HexRoot()}
	recordKey, _ := archive.DayKey(a.Prefix, day, 1, archive.DayRecordFile) // As above.
	content := encodeRecord(record)
	if _, err := a.Put(recordKey, content); err != nil {
		return err
	}
	entry, err := json.Marshal(dayrecord.EntryOf(record, hexSHA256(content)))
	if err != nil {
		return err
	}
	return a.Append(entry)
}
