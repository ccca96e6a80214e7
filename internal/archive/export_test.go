package archive

// PartBytesFor is what decides the length of parts.
var PartBytesFor = partBytesFor
