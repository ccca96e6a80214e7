// Package batchestimate says beforehand what a batch will cost and when it will be done. It
// is pure: it knows counts, limits and the time, and makes no request.
package batchestimate
