// Package workflows holds callvault's workflows and everything that a caller
// of them needs: names, inputs, results, queries and updates.
//
// It depends on the Temporal SDK and the standard library alone, so that
// another team's workflow can import it without the archive's or the
// upstream's clients. The activities it schedules are named here and carried
// out by package activities.
package workflows
