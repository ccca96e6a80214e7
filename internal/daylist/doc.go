// Package daylist lists one bot's day, in UTC, from each of the vendor's two session lists, in as few calls as their limits
// allow, and says what it could not list. It keeps what it has read in the archive, window by window, so that a listing that
// was interrupted goes on behind the last whole window.
//
// The rows, and the objects that hold them, are personal data: users' ids, and in the rows as the vendor wrote them names,
// addresses and telephone numbers. The objects are working files, which a lifecycle rule of the bucket removes.
package daylist
