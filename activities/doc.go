// Package activities carries out what the workflows schedule. Each activity is
// a struct with its dependencies and one method, Execute; its name, input and
// result are in the engine that schedules it, package fetchrecording.
//
// Every activity is safe to run twice. What one takes, returns or fails with
// is readable in Temporal's histories, so tokens and media URLs pass sealed,
// and errors are made without them.
package activities
