// Package dayseal writes down a day: it makes the rows from the manifests of its sessions,
// and the record from the rows. The rows go through a temporary file, so that a day of a
// million sessions needs little memory.
package dayseal
