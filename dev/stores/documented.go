package main

// column is a column of docs/stores.md that no run fills.
type column struct {
	title string
	cells map[string]string
}

// documented are the stores that were not run: what their public documentation says, by
// the names of the rows. What it does not say has no cell. The footnotes stand in the document.
var documented = []column{
	{"AWS S3 (from documentation, not run)", map[string]string{
		"PUT with `If-None-Match: *`":                                                    "yes: 412, or 409 ConditionalRequestConflict[^aws-condition]",
		"… of two under way at once, one wins":                                           "yes: 412 or 409[^aws-condition]",
		"PUT with `If-Match`":                                                            "yes: 412, or 409 ConditionalRequestConflict[^aws-put]",
		"CompleteMultipartUpload with `If-None-Match: *`":                                "yes: 412, or 409 ConditionalRequestConflict[^aws-complete]",
		"… refused: what is left of the upload":                                          "after a 409 it has to be begun anew with all parts[^aws-complete]",
		"… sent again after its answer was lost":                                         "404 NoSuchUpload is listed for one that is completed[^aws-complete]",
		"CompleteMultipartUpload sent again, without a condition":                        "404 NoSuchUpload is listed for one that is completed[^aws-complete]",
		"CreateMultipartUpload with `If-None-Match: *`, for a key that exists":           "no: it does not accept conditional headers[^aws-enforce]",
		"Trailing SHA-256, body unsigned: verified, with `x-amz-sdk-checksum-algorithm`": "yes[^aws-integrity]",
		"SHA-256 in a header alone: verified":                                            "yes[^aws-integrity]",
		"SHA-256 in the PUT's answer":                                                    "yes, if it was sent[^aws-put]",
		"Part's trailing SHA-256: verified":                                              "yes[^aws-integrity]",
		"ListParts: numbers, sizes, ETags":                                               "yes[^aws-list-parts]",
		"ListParts: SHA-256":                                                             "yes, if the upload was created with it[^aws-list-parts]",
		"ListParts in pages":                                                             "yes, of 1,000 at most[^aws-list-parts]",
		"A part under 5 MiB before the last one: refused":                                "yes: 400 EntityTooSmall[^aws-complete]",
		"HEAD with `partNumber`: the part's length":                                      "yes, and the number of parts[^aws-head]",
		"Abort leaves nothing":                                                           "not for a part that is still being sent: abort again, and check with ListParts[^aws-abort]",
		"Part for an upload that is gone":                                                "no part can be sent after an abort[^aws-abort]",
		"ListMultipartUploads by the exact key":                                          "yes: all keys that start with the prefix[^aws-list-uploads]",
		"ListMultipartUploads by a folder":                                               "yes: all keys that start with the prefix[^aws-list-uploads]",
		"ListObjectsV2 with `start-after`, sorted, in pages":                             "yes[^aws-list]",
		"A connection that breaks in the middle of a PUT leaves no object":               "yes: never a partial object[^aws-put]",
		"A single PUT of more than 5 GiB: refused by its length":                         "5 GB at most; multipart: 10,000 parts of 5 MiB to 5 GiB, 48.8 TiB[^aws-limits]",
		"… shortening it: refused":                                                       "yes, in mode COMPLIANCE[^aws-lock]",
		"Retention by the PUT's headers, GOVERNANCE: kept and enforced":                  "yes; it needs Content-MD5 or a checksum[^aws-put]",
		"Retention by the PUT's headers, COMPLIANCE: kept and enforced":                  "yes; it needs Content-MD5 or a checksum[^aws-put]",
		"Legal hold by the PUT's header: kept and enforced":                              "yes[^aws-put]",
	}},
	{"Cloudflare R2 (from documentation, not run)", map[string]string{
		"PUT with `If-None-Match: *`":                                     "yes: 412[^r2-extensions]",
		"PUT with `If-Match`":                                             "yes: 412[^r2-extensions]",
		"CompleteMultipartUpload with `If-None-Match: *`":                 "not listed[^r2-api]",
		"SHA-256 in HEAD":                                                 "SHA-256 is listed as COMPOSITE, not as FULL_OBJECT[^r2-api]",
		"Composite SHA-256 in HEAD":                                       "SHA-256 is listed as COMPOSITE[^r2-api]",
		"CRC64NVME of the whole object, multipart: verified, and in HEAD": "CRC64NVME is listed as FULL_OBJECT[^r2-api]",
		"ListParts in pages":                                              "yes[^r2-api]",
		"Parts of different sizes":                                        "no: all but the last must have the same size[^r2-multipart]",
		"A part under 5 MiB before the last one: refused":                 "parts have at least 5 MiB[^r2-multipart]",
		"ListMultipartUploads by the exact key":                           "`prefix` is listed[^r2-api]",
		"ListMultipartUploads by a folder":                                "`prefix` is listed[^r2-api]",
		"`Expect: 100-continue`, a PUT that is taken":                     "no: HTTP 100 is not supported[^r2-extensions]",
		"A single PUT of more than 5 GiB: refused by its length":          "5 GiB less 5 MiB at most; multipart: 10,000 parts, 4.995 TiB[^r2-limits]",
		"Virtual host":                                                    "yes[^r2-extensions]",
		"ListObjectsV2 with `start-after`, sorted, in pages":              "`start-after` is listed[^r2-api]",
		"GET with `Range`":                                                "yes[^r2-api]",
		"GET with `Range` and `If-Match`, for another ETag: refused":      "both are listed[^r2-api]",
		"Object Lock: a bucket with it":                                   "not implemented[^r2-api]",
		"Retention by the PUT's headers, GOVERNANCE: kept and enforced":   "not implemented[^r2-api]",
		"Retention by the PUT's headers, COMPLIANCE: kept and enforced":   "not implemented[^r2-api]",
		"Legal hold by the PUT's header: kept and enforced":               "not implemented[^r2-api]",
		"Retention by CreateMultipartUpload's headers: kept and enforced": "not implemented[^r2-api]",
		"SSE-S3, PUT":                            "not implemented[^r2-api]",
		"SSE-S3, multipart":                      "not implemented[^r2-api]",
		"SSE-KMS, PUT":                           "not implemented[^r2-api]",
		"Tags by the PUT's header":               "not implemented[^r2-api]",
		"Tags by CreateMultipartUpload's header": "not implemented[^r2-api]",
		"Storage class `STANDARD_IA`":            "yes[^r2-api]",
	}},
}
