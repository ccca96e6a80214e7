package dayindex_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayindex/daytest"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

const (
	archived    = workflows.OutcomeArchived
	unavailable = workflows.OutcomeUnavailable
	failed      = workflows.OutcomeFailed
)

func day(bot, date string) workflows.Day { return workflows.Day{BotID: bot, Date: date} }

// objects are those of an archive with some days of three bots, and things that somebody has
// put between them.
func objects(t *testing.T, prefix string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		prefix + "days/st-1/2026/11/21/r1.ndjson":    nil, // its record is not written yet
		prefix + "days/st-1/2026/11/20/r99.json.bak": []byte("{}"),
		prefix + "days/st-1/notes.txt":               []byte("hello"),
		prefix + "days/README":                       []byte("hello"),
		prefix + "days/nobody/x":                     []byte("hello"),
		prefix + "st-1/2026/11/20/x/manifest.json":   []byte("{}"),
		prefix + "log/checkpoint":                    []byte("hello"),
	}
	seal := func(day workflows.Day, revision int, outcomes ...workflows.Outcome) {
		_, sealed := daytest.Seal(t, prefix, day, revision, daytest.Rows(t, day, outcomes...))
		maps.Copy(all, sealed)
	}
	seal(day("st-1", "2026-11-18"), 1, archived)
	for revision := 1; revision <= 11; revision++ {
		seal(day("st-1", "2026-11-20"), revision, archived, unavailable, failed)
	}
	seal(day("st-1", "2026-12-01"), 1)
	seal(day("st-1-x", "2026-11-20"), 1, archived)
	seal(day("st-10", "2026-11-20"), 2, archived)
	return all
}

// forms returns the index of objects in a store and in a folder.
func forms(t *testing.T, prefix string, objects map[string][]byte) map[string]*dayindex.Index {
	t.Helper()
	s3 := s3test.New(t, "recordings")
	folder := t.TempDir()
	for key, body := range objects {
		s3.Set("recordings", key, s3test.Object{Body: body})
		path := filepath.Join(folder, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, body, 0o600))
	}
	store, err := archive.Open(archive.Config{Endpoint: s3.URL, Bucket: "recordings", Prefix: prefix, Region: "us-east-1", Credentials: credentials.NewStaticV4("id", "key", "")})
	require.NoError(t, err)
	copied, err := dayindex.OpenFolder(folder)
	require.NoError(t, err)
	t.Cleanup(func() { copied.Close() })
	return map[string]*dayindex.Index{"store": dayindex.Of(store), "folder": dayindex.New(copied, prefix)}
}

// collect returns what comes before an error.
func collect[T any](all iter.Seq2[T, error]) (found []T, err error) {
	for one, err := range all {
		if err != nil {
			return found, err
		}
		found = append(found, one)
	}
	return found, nil
}

func TestIndexFindsTheLatestRevisionOfEachDay(t *testing.T) {
	for _, prefix := range []string{"", "calls/"} {
		for form, index := range forms(t, prefix, objects(t, prefix)) {
			t.Run(form+" "+prefix, func(t *testing.T) {
				bots, err := index.Bots(t.Context())
				require.NoError(t, err)
				require.Equal(t, []string{"st-1-x", "st-1", "st-10"}, bots, "as a store sorts them")

				sealed, err := index.LatestRevisions(t.Context(), "st-1", dayindex.Range{From: "2026-11-19", To: "2026-12-01"})
				require.NoError(t, err)
				require.Equal(t, map[string]int{"2026-11-20": 11, "2026-12-01": 1}, sealed)

				revisions, err := collect(index.Revisions(t.Context(), "st-1", dayindex.Range{From: "2026-11-18", To: "2026-11-30"}))
				require.NoError(t, err)
				require.Len(t, revisions, 2)
				require.Equal(t, day("st-1", "2026-11-18"), revisions[0].Day())
				require.Equal(t, 11, revisions[1].Revision)
				require.Equal(t, prefix+"days/st-1/2026/11/20/r11.json", revisions[1].Key)

				rows, err := collect(index.Rows(t.Context(), revisions[1]))
				require.NoError(t, err)
				require.Equal(t, daytest.Rows(t, day("st-1", "2026-11-20"), archived, unavailable, failed), rows)

				empty, err := index.Latest(t.Context(), day("st-1", "2026-12-01"))
				require.NoError(t, err)
				rows, err = collect(index.Rows(t.Context(), empty))
				require.NoError(t, err)
				require.Empty(t, rows, "a day without calls is sealed too")
			})
		}
	}
}

func TestDayThatIsNotSealedIsMissing(t *testing.T) {
	for form, index := range forms(t, "", objects(t, "")) {
		for _, date := range []string{"2026-11-19", "2026-11-21"} {
			_, err := index.Latest(t.Context(), day("st-1", date))
			require.ErrorIs(t, err, archive.ErrMissing, form)
			require.ErrorContains(t, err, "day "+date+" of st-1 has no record")
		}
		_, err := index.Latest(t.Context(), day("../log", "2026-11-20"))
		require.ErrorContains(t, err, "malformed")
	}
}

// What somebody has put in the place of a record or of rows is not taken for one.
func TestObjectsThatAreNotWhatTheyHaveToBeAreRefused(t *testing.T) {
	of := day("st-1", "2026-11-20")
	rows := daytest.Rows(t, of, archived, unavailable, failed)
	changed := func(change func([]dayrecord.Row) []dayrecord.Row) map[string][]byte {
		_, all := daytest.Seal(t, "", of, 1, change(append([]dayrecord.Row{}, rows...)))
		return all
	}
	record := func(change func(*dayrecord.Record)) map[string][]byte {
		sealed, all := daytest.Seal(t, "", of, 1, rows)
		change(&sealed)
		all["days/st-1/2026/11/20/r1.json"] = daytest.Encode(t, sealed)
		return all
	}
	body := func(change func([]byte) []byte) map[string][]byte {
		sealed, all := daytest.Seal(t, "", of, 1, rows)
		all[sealed.Rows.Key] = change(all[sealed.Rows.Key])
		return all
	}
	for name, c := range map[string]struct {
		objects map[string][]byte
		says    string
	}{
		"a record of another bot":      {record(func(r *dayrecord.Record) { r.BotID = "st-2" }), "another day or revision"},
		"a record of another day":      {record(func(r *dayrecord.Record) { r.Date = "2026-11-21" }), "another day or revision"},
		"a record of another revision": {record(func(r *dayrecord.Record) { r.Revision = 2 }), "another day or revision"},
		"a record of other rows":       {record(func(r *dayrecord.Record) { r.Rows.Key = "days/st-2/2026/11/20/r1.ndjson" }), "does not name the rows"},
		"a record of no version":       {record(func(r *dayrecord.Record) { r.Version = 0 }), "another day or revision"},
		"more rows by the record":      {record(func(r *dayrecord.Record) { r.Rows.TreeSize++ }), "not the object of its record"},
		"a huge length":                {record(func(r *dayrecord.Record) { r.Rows.Bytes = 1<<63 - 1 }), "not the object of its record"},
		"no JSON":                      {map[string][]byte{"days/st-1/2026/11/20/r1.json": []byte("<html>")}, "not JSON of a record"},
		"a changed byte":               {body(func(b []byte) []byte { return bytes.Replace(b, []byte("call.wav"), []byte("cull.wav"), 1) }), "not the object of its record"},
		"a byte more":                  {body(func(b []byte) []byte { return append(bytes.Clone(b), '\n') }), "row 4 of"},
		"a cut row":                    {body(func(b []byte) []byte { return b[:len(b)-1] }), "row 3 of days/st-1/2026/11/20/r1.ndjson is cut off"},
		"a row less":                   {body(func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] }), "not the object of its record"},
		"rows in another order":        {changed(func(r []dayrecord.Row) []dayrecord.Row { r[0], r[1] = r[1], r[0]; return r }), "row 2 of days/st-1/2026/11/20/r1.ndjson is not in order"},
		"a row twice":                  {changed(func(r []dayrecord.Row) []dayrecord.Row { return append(r, r[2]) }), "is not in order"},
		"a row of another bot":         {changed(func(r []dayrecord.Row) []dayrecord.Row { r[1].BotID = "st-2"; return r }), "row 2 of days/st-1/2026/11/20/r1.ndjson is of another bot"},
		"a row of another day": {changed(func(r []dayrecord.Row) []dayrecord.Row {
			return append(r, daytest.Row(t, day("st-1", "2026-11-21"), 1, archived))
		}), "is of another time"},
		"a row of another time": {changed(func(r []dayrecord.Row) []dayrecord.Row { r[0].CallTime = r[1].CallTime; return r }), "is of another time"},
		"a row without session": {changed(func(r []dayrecord.Row) []dayrecord.Row { r[0].SessionID = ""; return r }), "malformed session"},
		"a row beyond reason":   {changed(func(r []dayrecord.Row) []dayrecord.Row { r[0].Status = strings.Repeat("s", 1<<20); return r }), "more than 1048576 bytes"},
	} {
		for form, index := range forms(t, "", c.objects) {
			t.Run(name+" in a "+form, func(t *testing.T) {
				revision, err := index.Latest(t.Context(), of)
				if err == nil {
					_, err = collect(index.Rows(t.Context(), revision))
				}
				require.ErrorIs(t, err, dayindex.ErrDamaged)
				require.ErrorContains(t, err, c.says)
			})
		}
	}
}

func TestRecordOfALaterVersionAsksForANewerProgram(t *testing.T) {
	sealed, all := daytest.Seal(t, "", day("st-1", "2026-11-20"), 1, nil)
	sealed.Version = 2
	all["days/st-1/2026/11/20/r1.json"] = daytest.Encode(t, sealed)
	for _, index := range forms(t, "", all) {
		_, err := index.Latest(t.Context(), day("st-1", "2026-11-20"))
		require.ErrorContains(t, err, "has version 2, and this program knows 1: use a newer one")
		require.NotErrorIs(t, err, dayindex.ErrDamaged)
	}
}

// A later version adds keys, which an older program does not know.
func TestUnknownKeysAreIgnored(t *testing.T) {
	of := day("st-1", "2026-11-20")
	sealed, all := daytest.Seal(t, "", of, 1, nil)
	var record map[string]any
	require.NoError(t, json.Unmarshal(daytest.Encode(t, sealed), &record))
	record["later"] = true
	body, err := json.Marshal(record)
	require.NoError(t, err)
	all["days/st-1/2026/11/20/r1.json"] = body
	for _, index := range forms(t, "", all) {
		_, err := index.Latest(t.Context(), of)
		require.NoError(t, err)
	}
}

func TestBotsCostOneListEach(t *testing.T) {
	s3 := s3test.New(t, "recordings")
	for bot := range 3 {
		for n := range 10 {
			s3.Set("recordings", fmt.Sprintf("days/st-%d/2026/11/20/r%d.json", bot, n+1), s3test.Object{})
		}
	}
	store, err := archive.Open(archive.Config{Endpoint: s3.URL, Bucket: "recordings", Region: "us-east-1", Credentials: credentials.NewStaticV4("id", "key", "")})
	require.NoError(t, err)
	bots, err := dayindex.Of(store).Bots(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"st-0", "st-1", "st-2"}, bots)
	lists := 0
	for _, request := range s3.Requests() {
		if request.Query.Get("list-type") == "2" {
			lists++
		}
	}
	require.Equal(t, 4, lists, "one more finds that there is no other bot")
}

// A link in a copy must not lead to files outside of it.
func TestCopyIsNotLeftByLinks(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "r1.json"), []byte("{}"), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "days/st-1/2026/11"), 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "days/st-1/2026/11/20")))
	copied, err := dayindex.OpenFolder(folder)
	require.NoError(t, err)
	defer copied.Close()
	_, _, err = copied.OpenFile(t.Context(), "days/st-1/2026/11/20/r1.json")
	assert.Error(t, err)
	_, _, err = copied.OpenFile(t.Context(), "../"+filepath.Base(outside)+"/r1.json")
	assert.Error(t, err)
}

func TestMissingCopyIsAnError(t *testing.T) {
	_, err := dayindex.OpenFolder(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
