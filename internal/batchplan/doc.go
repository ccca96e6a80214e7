// Package batchplan orders the sessions of a batch: those that the vendor purges first
// come first. The plan is a text with one line for each session, the lines of each bot
// together, so that a part of it can be read by its place in bytes.
package batchplan
