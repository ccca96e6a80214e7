// Package timestamp asks an authority of RFC 3161 when something existed. It compares what an
// authority has stamped with what was to be stamped, but does not verify the authority's
// signature: whom to trust is for the reader to decide, by a tool such as openssl ts -verify.
package timestamp
