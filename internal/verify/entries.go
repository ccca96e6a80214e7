package verify

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// entry is one of the log, of a revision.
type entry struct {
	day      workflows.Day
	revision int64
	sealedAt string
	record   string
	treeSize int64
	treeRoot string
	counts   counts
	leaf     tlog.Hash
}

// day has the entries of a day by their revision.
type day struct {
	entries map[int64]*entry
	latest  int64
}

// sortEntry keeps an entry with the others of its day. Of two of a revision the first one
// counts.
func (r *logReader) sortEntry(bundleKey string, content []byte) {
	at := place{kind: KindEntry, key: bundleKey}
	e, err := parseEntry(content)
	if err != nil {
		r.report.fail(at.failure("an entry does not hold: " + err.Error()))
		return
	}
	if e == nil || !r.has(e.day) {
		return
	}
	at.day = e.day
	known := r.days[e.day]
	if known == nil {
		known = &day{entries: make(map[int64]*entry)}
		r.days[e.day] = known
	}
	present := known.entries[e.revision]
	if present != nil && present.leaf == e.leaf {
		return
	}
	if e.revision != known.latest+1 {
		r.report.fail(at.failure(problemf("revision %d is entered where %d is due", e.revision, known.latest+1).Error()))
	}
	if present == nil {
		known.entries[e.revision] = e
		known.latest = max(known.latest, e.revision)
	}
}

// parseEntry returns nil for an entry of another kind.
func parseEntry(content []byte) (*entry, error) {
	f := parseObject(content)
	if kind := f.text("kind"); f.err != nil || kind != dayrecord.KindDay {
		return nil, f.err
	}
	f.expect("its version", f.number("version"), int64(dayrecord.Version))
	e := &entry{
		day: f.day(), revision: f.number("revision"), sealedAt: f.time("sealedAt"), record: f.sha256("record"),
		treeSize: f.number("treeSize"), treeRoot: f.sha256("treeRoot"), counts: f.counts("counts"), leaf: tlog.RecordHash(content),
	}
	if e.revision < 1 || e.revision > maxRevision {
		f.fail("its revision is not one from 1 to %d", maxRevision)
	}
	return e, f.err
}

// maxRevision bounds the revisions of a day: a key has at most nine digits of it.
const maxRevision = 999_999_999
