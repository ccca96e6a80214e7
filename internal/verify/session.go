package verify

import (
	"errors"
	"slices"

	"github.com/callvault/callvault/workflows"
)

// kindCall is the kind of the attachment that may be erased.
const kindCall = "call"

type attachment struct {
	stored
	kind string
}

// checkSession checks the manifest of a row, its attachments, and the files of one that is
// archived.
func (v *run) checkSession(r row) error {
	v.report.add(Checked{Sessions: 1})
	at := place{kind: KindManifest, day: r.day, session: r.session, key: r.manifest.key}
	attachments, err := v.checkManifest(r)
	if err := v.hold(at, err); err != nil {
		return err
	}
	files := r.files
	if r.outcome != string(workflows.OutcomeArchived) {
		files = nil // They need not exist.
	}
	for _, file := range files {
		at.kind, at.key = KindFile, file.key
		if err := v.checkObject(at, file, Checked{Files: 1}); err != nil {
			return err
		}
	}
	for _, attached := range attachments {
		at.kind, at.key = KindAttachment, attached.key
		if err := v.checkAttachment(at, attached); err != nil {
			return err
		}
	}
	return nil
}

func (v *run) checkAttachment(at place, attached attachment) error {
	if attached.kind == kindCall && isKey(attached.key) {
		_, err := v.source.FileSize(v.ctx, attached.key)
		var missing *problem
		if errors.As(v.whyUnread(err), &missing) && missing.text == errMissing {
			v.report.add(Checked{Erased: 1})
			return nil
		}
	}
	return v.checkObject(at, attached.stored, Checked{Attachments: 1})
}

func (v *run) checkObject(at place, object stored, checked Checked) error {
	err := v.compare(object, !v.RecordsOnly)
	if err == nil && !v.RecordsOnly {
		checked.Bytes = object.bytes
	}
	v.report.add(checked)
	return v.hold(at, err)
}

// checkManifest compares a manifest with its row, and returns its attachments.
func (v *run) checkManifest(r row) ([]attachment, error) {
	if r.manifest.bytes > maxManifestBytes {
		return nil, problemf("it is stated to have %d bytes, more than %d", r.manifest.bytes, maxManifestBytes)
	}
	content, err := v.read(r.manifest.key, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	if err := compareLength(int64(len(content)), r.manifest.bytes); err != nil {
		return nil, err
	}
	if err := compareSHA256(sha256Of(content), r.manifest.sha256); err != nil {
		return nil, err
	}
	f := parseObject(content)
	f.expect("its botId", f.text("botId"), r.day.BotID)
	f.expect("its sessionId", f.text("sessionId"), r.session)
	f.expect("its outcome", f.text("outcome"), r.outcome)
	var files []stored
	if f.has("files") {
		files = f.storedList("files")
	}
	if !slices.Equal(files, r.files) {
		f.fail("its files are not those of the row")
	}
	var attachments []attachment
	if f.has("attachments") {
		for _, inner := range f.objects("attachments") {
			attachments = append(attachments, attachment{inner.stored(), inner.text("kind")})
			f.take("attachments", inner)
		}
	}
	return attachments, f.err
}
