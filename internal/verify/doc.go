// Package verify checks an archive, or a copy of it, against its log of sealed days, as
// docs/verification.md specifies it. It believes nothing of what it reads but what follows
// from a checkpoint that is signed by the given key.
package verify
