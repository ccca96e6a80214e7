package verify

import (
	"bytes"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// row is what a row states of a session.
type row struct {
	day      workflows.Day
	session  string
	listedBy []string
	outcome  string
	manifest stored
	files    []stored
	bytes    int64
}

// parseRow returns what can be read of a row, and what is wrong with it.
func parseRow(line []byte, day workflows.Day) (row, error) {
	f := parseObject(line)
	if !bytes.HasPrefix(line, []byte("{")) || !bytes.HasSuffix(line, []byte("}")) {
		f.fail("the line is not a JSON object and nothing else")
	}
	f.expect("its botId", f.text("botId"), day.BotID)
	r := row{day: day, session: f.text("sessionId"), listedBy: f.texts("listedBy"), outcome: f.text("outcome"), bytes: f.number("bytes")}
	r.checkTime(f)
	isList := func(name string) bool { return name == dayrecord.GetSessions || name == dayrecord.InteractionDetails }
	if !slices.IsSorted(r.listedBy) || len(slices.Compact(slices.Clone(r.listedBy))) != len(r.listedBy) || slices.ContainsFunc(r.listedBy, func(name string) bool { return !isList(name) }) {
		f.fail("its listedBy does not name the vendor's lists, each once and in ascending order")
	}
	f.text("status")
	manifest := f.object("manifest")
	r.manifest = manifest.stored()
	f.take("manifest", manifest)
	r.files = f.storedList("files")
	if total := sum(r.files); total != r.bytes {
		f.fail("its bytes are not the sum of its files' bytes")
	}
	f.optional()
	return r, f.err
}

func (r *row) checkTime(f *fields) {
	callTime := f.time("callTime")
	called, err := workflows.Session{SessionID: r.session}.CallTime()
	if err != nil {
		f.fail("its sessionId is not 24 lower-case hexadecimal digits")
		return
	}
	f.expect("its callTime", callTime, called.Format(time.RFC3339))
	f.expect("the day of its callTime", called.Format(time.DateOnly), r.day.Date)
}

func (f *fields) storedList(name string) []stored {
	var list []stored
	for _, inner := range f.objects(name) {
		list = append(list, inner.stored())
		f.take(name, inner)
	}
	return list
}

// sum returns the sum of the files' bytes, or more than any number may be that is stated.
func sum(files []stored) int64 {
	var total int64
	for _, file := range files {
		total = min(total+file.bytes, maxNumber+1)
	}
	return total
}

// optional checks what may be left out of a row.
func (f *fields) optional() {
	if f.has("evidence") {
		for _, seen := range f.objects("evidence") {
			seen.text("status")
			seen.time("first")
			seen.time("last")
			seen.number("count")
			f.take("evidence", seen)
		}
	}
	if f.has("purgeAt") {
		f.time("purgeAt")
	}
	if f.has("userHash") {
		f.sha256("userHash")
	}
}
