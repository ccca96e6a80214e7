// Package verify checks an archive, or a copy of it, against its log of sealed days, as
// docs/verification.md specifies it. It believes nothing of what it reads but what follows
// from a checkpoint that is signed by the given key.
//
// An archive may be in use while it is verified: what was found is judged by what the log has
// got meanwhile. A copy of one holds if log/ was copied before the rest, as everything that
// the log names was there before.
package verify
