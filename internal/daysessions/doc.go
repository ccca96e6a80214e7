// Package daysessions is what is known of the sessions of a bot's day while it is archived:
// which list had them, and whether their calls are over. It is kept in a working file of the
// archive between the steps.
package daysessions
