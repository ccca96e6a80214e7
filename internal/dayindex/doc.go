// Package dayindex reads what the archive, or a copy of it, says of sealed days: which days
// of a bot are sealed, their latest records, and their rows. It needs no server but the
// store. It believes no object before it has compared it with its key and with its record,
// but does not verify the log: that is what the command verify is for.
package dayindex
