// Package workflows is callvault's contract: everything that a caller of its
// workflows needs, and nothing else. It holds the names, requests, results,
// policies, queries and updates, and the functions that start a fetch from a
// client ([StartFetch]) and from another workflow ([RunFetch]).
//
// It imports the Temporal SDK and the standard library alone, so that another
// team's program can import it without the clients of the archive and of the
// vendor's API. The workflows themselves are in the packages below this one;
// the worker registers them, callers never import them.
//
// The names that are recorded in histories and scripts (workflow, query and update
// names, JSON keys, error types, the task queue) do not change within a major
// version. A minor version may add JSON keys, phases, outcomes and error types:
// ignore those that you do not know.
package workflows
