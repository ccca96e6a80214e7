package verify

import (
	"maps"
	"slices"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// checkDay checks the records and rows of all revisions of a day, and the sessions of the
// latest.
func (v *run) checkDay(at workflows.Day, d *day) error {
	v.report.add(Checked{Days: 1})
	for _, number := range slices.Sorted(maps.Keys(d.entries)) {
		e := d.entries[number]
		v.report.add(Checked{Revisions: 1})
		record, err := v.checkRecord(e, d.entries[number-1])
		if err != nil {
			return err
		}
		if err := v.checkRows(e, record, number == d.latest); err != nil {
			return err
		}
	}
	return nil
}

func (v *run) key(e *entry, file archive.DayFile) string {
	key, _ := archive.DayKey(v.Prefix, e.day, int(e.revision), file) // The entry was checked.
	return key
}

// record is what rows are compared with, as far as the record can be read.
type record struct {
	rows         stored
	bothAnswered bool
	disagreement disagreement
}

// checkRecord compares a record with its entry and with the one of the revision before. It
// returns nil if nothing can be compared with it.
func (v *run) checkRecord(e, before *entry) (*record, error) {
	at := place{kind: KindRecord, day: e.day, key: v.key(e, archive.DayRecordFile)}
	content, err := v.read(at.key, maxRecordBytes)
	if err != nil {
		return nil, v.hold(at, err)
	}
	if sha256Of(content) != e.record {
		v.report.fail(at.failure("its SHA-256 is not the one that the log has: it is another record"))
		return nil, nil //nolint:nilnil // There is nothing to compare with.
	}
	f := parseObject(content)
	f.expect("its version", f.number("version"), int64(dayrecord.Version))
	f.expect("its day", f.day(), e.day)
	f.expect("its revision", f.number("revision"), e.revision)
	f.expect("its sealedAt", f.time("sealedAt"), e.sealedAt)
	if !f.counts("counts").equal(e.counts) {
		f.fail("its counts are not those of the log")
	}
	inner := f.object("rows")
	found := &record{rows: inner.stored(), bothAnswered: f.bothAnswered(), disagreement: f.disagreement("disagreement")}
	inner.expect("the treeSize", inner.number("treeSize"), e.treeSize)
	inner.expect("the treeRoot", inner.sha256("treeRoot"), e.treeRoot)
	inner.expect("the key", found.rows.key, v.key(e, archive.DayRowsFile))
	f.take("rows", inner)
	v.checkPrevious(f, e, before)
	if f.err != nil {
		return nil, v.hold(at, f.err)
	}
	return found, nil
}

func (v *run) checkPrevious(f *fields, e, before *entry) {
	if e.revision == 1 {
		f.expect("that it names a revision before", f.has("previous"), false)
		return
	}
	previous := f.object("previous")
	key, sum := previous.text("key"), previous.sha256("sha256")
	named, _ := archive.DayKey(v.Prefix, e.day, int(e.revision-1), archive.DayRecordFile)
	previous.expect("the key", key, named)
	if before != nil {
		previous.expect("the SHA-256", sum, before.record)
	}
	f.take("previous", previous)
}

// bothAnswered reports whether each of the two lists has a listing that is not unavailable.
func (f *fields) bothAnswered() bool {
	answered := make(map[string]bool)
	for _, listing := range f.objects("listings") {
		name := listing.text("list")
		listing.time("at")
		listing.number("sessions")
		listing.number("calls")
		if !listing.has("unavailable") {
			answered[name] = true
		}
		f.take("listings", listing)
	}
	return answered[dayrecord.GetSessions] && answered[dayrecord.InteractionDetails]
}
