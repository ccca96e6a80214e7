// Package ledger is the engine that writes the log of an archive: one workflow for each
// archive, so that there is one writer. Days send it their entries by an update.
package ledger
