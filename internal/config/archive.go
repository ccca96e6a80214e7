package config

import (
	"errors"
	"net/url"
	"os"
	"regexp"
	"strconv"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/callvault/callvault/internal/archive"
)

// Bounds of an archive.
const (
	maxPrefixBytes = 512
	maxCABytes     = 1 << 20
)

var (
	regionPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

	// prefixPattern: each folder begins with a letter or digit, so none is "." or "..".
	prefixPattern = regexp.MustCompile(`^([0-9A-Za-z][0-9A-Za-z._-]*/)*([0-9A-Za-z][0-9A-Za-z._-]*)?$`)
)

// archive validates where an account's recordings are stored, and how.
func (p *problems) archive(w *written) archive.Config {
	return archive.Config{
		Endpoint:       p.endpoint(w.get("archive.endpoint")),
		PublicEndpoint: p.publicEndpoint(w),
		Bucket:         p.bucket(w.get("archive.bucket")),
		Region:         p.region(w.get("archive.region")),
		Prefix:         p.prefix(w.get("archive.prefix")),
		KeyTemplate:    p.keyTemplate(w.get("archive.keyTemplate")),
		Options:        p.archiveOptions(w),
		PathStyle:      p.pathStyle(w.get("archive.pathStyle")),
		CACertificates: p.certificates(w, "archive.caFile"),
		Credentials:    p.archiveKeys(w),
		MultipartFrom:  p.size(w.get("archive.multipartFrom"), archive.MinMultipartFrom, archive.MaxMultipartFrom),
	}
}

// publicEndpoint returns nil for what is not given.
func (p *problems) publicEndpoint(w *written) *url.URL {
	const name = "archive.publicEndpoint"
	if !w.has(name) {
		return nil
	}
	return p.endpoint(w.get(name))
}

func (p *problems) bucket(s setting) string {
	if err := s3utils.CheckValidBucketNameStrict(s.text); err != nil {
		p.add(s.place, "%q is not a valid bucket name (%v): want 3 to 63 lower-case letters, digits, dots and hyphens", clip(s.text), err)
	}
	return s.text
}

func (p *problems) region(s setting) string {
	if !regionPattern.MatchString(s.text) {
		p.add(s.place, "%q is not a region: want one such as us-east-1", clip(s.text))
	}
	return s.text
}

func (p *problems) prefix(s setting) string {
	if s.text != "" && (len(s.text) > maxPrefixBytes || !prefixPattern.MatchString(s.text)) {
		p.add(s.place, `%q is not a valid prefix: want one such as "calls/": letters, digits, "-", "_" and ".", at most %d bytes, without a leading slash or an empty or dotted folder`, clip(s.text), maxPrefixBytes)
	}
	return s.text
}

func (p *problems) keyTemplate(s setting) archive.Template {
	template, err := archive.ParseTemplate(s.text)
	if err != nil {
		p.add(s.place, "%q %v", clip(s.text), err)
	}
	return template
}

// archiveOptions returns how the store keeps what is written. Package archive validates
// what the options mean together.
func (p *problems) archiveOptions(w *written) archive.Options {
	options := archive.Options{
		KMSKey:       w.get("archive.kmsKey").text,
		LockMode:     archive.LockMode(w.get("archive.lock.mode").text),
		LockDays:     p.lockDays(w.get("archive.lock.days")),
		LegalHold:    p.isOn(w.get("archive.lock.legalHold")),
		StorageClass: w.get("archive.storageClass").text,
	}
	if encryption := w.get("archive.encryption").text; encryption != "none" {
		options.Encryption = archive.Encryption(encryption)
	}
	for _, item := range w.get("archive.tags").items {
		options.Tags = append(options.Tags, archive.Tag(item.text))
	}
	for _, problem := range options.Problems() {
		if name := "archive." + problem.Field; !w.isMisread(name) {
			p.add(w.place(name), "%s", problem.Text)
		}
	}
	return options
}

// lockDays returns -1 for what is no number, which is reported with the options.
func (p *problems) lockDays(s setting) int {
	if s.text == "" {
		return 0
	}
	days, err := strconv.Atoi(s.text)
	if err != nil {
		return -1
	}
	return days
}

func (p *problems) pathStyle(s setting) archive.PathStyle {
	style := archive.PathStyle(s.text)
	if !style.IsValid() {
		p.add(s.place, "%q is not a path style: want %s, %s (https://host/bucket/key) or %s (https://bucket.host/key)", clip(s.text), archive.AutoStyle, archive.PathInAddress, archive.VirtualHostStyle)
	}
	if style == archive.AutoStyle {
		return "" // It is the default.
	}
	return style
}

// certificates returns what a file of certificates holds, which are not secret.
func (p *problems) certificates(w *written, name string) []byte {
	if !w.has(name) {
		return nil
	}
	file := w.file(name)
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxCABytes) {
		p.add(w.place(name), "%q is not a file of at most %d bytes: name the file that holds the certificates", clip(file), maxCABytes)
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		p.add(w.place(name), "the file that it names cannot be read (%v): correct the path or the permissions", errors.Unwrap(err))
		return nil
	}
	if _, err := archive.WithSystemRoots(content); err != nil {
		p.add(w.place(name), "the file %q cannot be used: %v", clip(file), err)
	}
	return content
}
