package verify

import (
	"maps"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// checkUnentered reports objects of days that are in no entry of the log.
func (v *run) checkUnentered() error {
	for _, prefix := range v.dayPrefixes() {
		for key, err := range v.source.KeysAfter(v.ctx, prefix, "") {
			if err != nil {
				return v.hold(place{kind: KindUnentered, key: prefix}, v.whyUnread(err))
			}
			v.checkEntered(key)
		}
	}
	return nil
}

// dayPrefixes returns what the keys begin with below which there is something of what was
// selected.
func (v *run) dayPrefixes() []string {
	if v.Date == "" && v.BotID == "" {
		return []string{archive.DaysPrefix(v.Prefix)}
	}
	if v.Date == "" {
		prefix, _ := archive.BotDaysPrefix(v.Prefix, v.BotID) // It was checked.
		return []string{prefix}
	}
	days := slices.Collect(maps.Keys(v.days))
	if v.BotID != "" {
		days = []workflows.Day{{BotID: v.BotID, Date: v.Date}}
	}
	var prefixes []string
	for _, day := range days {
		prefix, _ := archive.DayPrefix(v.Prefix, day) // Entries and options were checked.
		prefixes = append(prefixes, prefix)
	}
	slices.Sort(prefixes)
	return prefixes
}

func (v *run) checkEntered(key string) {
	at := place{kind: KindUnentered, key: key}
	if !strings.HasPrefix(key, archive.DaysPrefix(v.Prefix)) {
		return
	}
	named, revision, _, isOne := archive.ParseDayKey(v.Prefix, key)
	if !isOne {
		v.report.fail(at.failure("it is not the key of a revision, and in no entry of the log"))
		return
	}
	var latest int64
	if known := v.days[named]; known != nil {
		latest = known.latest
		if known.entries[int64(revision)] != nil {
			return
		}
	}
	if int64(revision) == latest+1 {
		v.report.note("%s is in no entry of the log: it is about to be entered, or somebody has put it there", key)
		return
	}
	at.day = named
	v.report.fail(at.failure("its revision is in no entry of the log"))
}
