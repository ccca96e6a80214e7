// Package smartassist is the client of the vendor's public API: one token for
// each request, the "Fetch Call Recording (Version 2)" call, what its statuses
// mean and what its errors ask for.
package smartassist
