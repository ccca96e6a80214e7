// Package daylog is the log of sealed days: an append-only Merkle tree in the archive's
// bucket, in the format of c2sp.org/tlog-tiles, with checkpoints that are signed by the
// operator's key. docs/verification.md specifies it.
//
// [Log.Append] may be killed at any point, and several may run at once: tiles are only
// created, the checkpoint is replaced on the condition that it is the one that was read, and
// before either the entries are written down, signed, in an object that whoever comes next
// completes first. So the tiles of one place always have one content.
package daylog
