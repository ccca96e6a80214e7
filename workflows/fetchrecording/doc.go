// Package fetchrecording is the engine of FetchRecordingWorkflow: it brings the
// recording of one session into the archive, or finds out that there is none,
// and leaves a manifest that proves it.
//
// A fetch repeats three things until it ends: a step runs activities (steps.go),
// a pure function decides what follows from their result (decide.go), and the
// loop waits as decided (workflow.go, wait.go). Callers use package workflows.
package fetchrecording
