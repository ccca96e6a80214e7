// Package batch is the engine of FetchRecordingsBatchWorkflow: it starts the fetches of a
// list of sessions just ahead of the call budget, counts how they end, and writes a report.
//
// One activity prepares the list. Then launch passes and waits alternate: a pass starts as
// many fetches as there is room for and counts all of them. What a pass starts is decided
// in the activity; when the next one is due, and whether it may start anything, is decided
// here, in decide.go. The lasting truth of each session is its manifest in the archive, so
// the counts may be late without harm: a batch ends when its report has found an outcome
// for every session.
package batch
