package verify

import (
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/workflows"
)

// checkUnentered reports objects of days that are in no entry of the log.
func (v *run) checkUnentered() error {
	days := archive.DaysPrefix(v.Prefix)
	switch {
	case v.BotID == "" && v.Date == "":
		return v.checkBelow(days)
	case v.BotID == "":
		return v.checkDateOfAll(days)
	case v.Date == "":
		return v.checkBelow(days + v.BotID + "/")
	default:
		return v.checkBelow(days + v.dayFolder(v.BotID))
	}
}

// dayFolder returns where the selected date of a bot is, below the days.
func (v *run) dayFolder(bot string) string {
	return bot + "/" + strings.ReplaceAll(v.Date, "-", "/") + "/"
}

// checkDateOfAll checks the selected date in every folder below the days, of a bot that the log
// knows or not. It costs two LISTs for each.
func (v *run) checkDateOfAll(days string) error {
	after := ""
	for {
		folder, err := dayindex.FolderAfter(v.ctx, v.source, days, after)
		if err != nil {
			return v.hold(place{kind: KindUnentered, key: days}, v.whyUnread(err))
		}
		if folder == "" {
			return nil
		}
		if err := v.checkBelow(days + v.dayFolder(folder)); err != nil {
			return err
		}
		after = days + folder + "0" // What follows all keys of the folder: 0 is the character after the slash.
	}
}

func (v *run) checkBelow(prefix string) error {
	for key, err := range v.source.KeysAfter(v.ctx, prefix, "") {
		if err != nil {
			return v.hold(place{kind: KindUnentered, key: prefix}, v.whyUnread(err))
		}
		v.checkEntered(key)
	}
	return nil
}

// unentered is an object of a revision that the log did not have when it was read.
type unentered struct {
	day      workflows.Day
	revision int64
	key      string
}

// maxUnentered bounds those that are judged only in the end.
const maxUnentered = 10_000

func (v *run) checkEntered(key string) {
	named, revision, _, isOne := archive.ParseDayKey(v.Prefix, key)
	if !isOne || named.Date < firstYear {
		v.report.fail(place{kind: KindUnentered, key: key}.failure("it is not the key of a revision, and in no entry of the log"))
		return
	}
	found := unentered{named, int64(revision), key}
	switch {
	case v.isEntered(found):
	case len(v.unentered) < maxUnentered:
		v.unentered = append(v.unentered, found)
	default:
		v.judgeUnentered(found)
	}
}

func (v *run) isEntered(one unentered) bool {
	known := v.days[one.day]
	return known != nil && known.entries[one.revision] != nil
}

func (v *run) judgeUnentered(one unentered) {
	if v.isEntered(one) {
		return // The log has got it meanwhile.
	}
	var latest int64
	if known := v.days[one.day]; known != nil {
		latest = known.latest
	}
	if one.revision == latest+1 {
		v.report.note("%s is in no entry of the log: it is about to be entered, or somebody has put it there", one.key)
		return
	}
	v.report.fail(place{kind: KindUnentered, day: one.day, key: one.key}.failure("its revision is in no entry of the log"))
}
