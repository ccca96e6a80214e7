// Package dayrecord is the format of what is written down about a sealed day: its rows, its
// record and its entry in the log. docs/verification.md specifies it; a change here is a
// change there.
package dayrecord
