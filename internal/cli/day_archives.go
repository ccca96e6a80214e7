package cli

import (
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/program"
)

// dayArchive is an archive, or a copy of it, whose days are read.
type dayArchive struct {
	index *dayindex.Index
	// owner is the account of the archive, or the first one of several; nil for a copy.
	owner *account.Account
}

// archivesOf returns the archive of a bot or, without a bot or if no account has it any more,
// each archive of the configuration once.
func archivesOf(served *account.Served, botID string) []dayArchive {
	if owner, err := served.Of(botID); err == nil {
		return []dayArchive{{dayindex.Of(owner.Store), owner}}
	}
	var all []dayArchive
	seen := make(map[string]bool)
	for _, one := range served.Accounts {
		place := one.Store.Place()
		if !seen[place] {
			seen[place] = true
			all = append(all, dayArchive{dayindex.Of(one.Store), one})
		}
	}
	return all
}

// openCopy opens a copy of an archive in a folder. The caller calls done at the end.
func openCopy(path, prefix string) (copied dayArchive, done func(), err error) {
	folder, err := dayindex.OpenFolder(path)
	if err != nil {
		return dayArchive{}, nil, program.Usage(err)
	}
	return dayArchive{index: dayindex.New(folder, prefix)}, func() { folder.Close() }, nil
}
