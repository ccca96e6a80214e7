// Package day is the engine that archives complete days: [Workflow] lists a day by both of
// the vendor's lists, has its sessions fetched as batches, lists again, and seals the day;
// [StartWorkflow] starts the days of a range. workflow.go is the loop, steps.go runs
// activities, decide.go holds pure functions.
package day
