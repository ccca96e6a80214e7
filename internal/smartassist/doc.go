// Package smartassist is a client for the vendor's public API: it mints one
// token for each request, makes the "Fetch Call Recording (Version 2)" and the
// "Sessions History" call, and classifies their statuses and errors.
package smartassist
