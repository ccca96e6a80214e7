// Package doctor checks everything between this machine and a first archived recording: the
// configuration, Temporal and the workers, each account's archive, and the vendor's API.
//
// A check has a [Name] and ends in one [Finding]: a verdict, a text and the way out. Finding out
// is apart from judging: one function asks a server, and a pure one turns what it said into a
// finding. A check whose prerequisite is broken is skipped, and says because of what. So is one that could not be
// found out, because whoever asks may not or the server does not know the request: that proves
// nothing.
//
// Checks of one place run one after the other, each within its time; Temporal and some accounts at
// a time run beside each other, and the whole ends within a minute.
//
// Nothing is changed but for a probe object in each archive, and no call of the vendor's API is
// made unless a session is named. Then it is up to three, each in a slot that the budget's
// workflow has handed out; see call.go for what their answers prove.
package doctor
