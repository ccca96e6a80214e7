// Package batchreport makes the report of a batch: one row for each session of its plan,
// from the manifests in the archive, so that it is whole even when the Temporal server has
// forgotten the fetches.
package batchreport
