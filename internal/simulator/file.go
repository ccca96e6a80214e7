package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Format is the actual audio format of a file, independent of its name.
type Format string

const (
	// WAV is RIFF/WAVE with 16-bit PCM at 8 kHz.
	WAV Format = "wav"
	// RF64 is WAV with 64-bit sizes, used for very long recordings.
	RF64 Format = "rf64"
	// FLAC is a FLAC stream of the same audio.
	FLAC Format = "flac"
)

const (
	maxFLAC    = 10 * time.Minute // because it is encoded in memory
	maxRIFF    = int64(1)<<32 - 1
	maxAudio   = int64(1) << 40
	maxNameLen = 4096
)

// File is one recording of a session. The zero value is 30 s of mono WAV with a name like the vendor's sample.
type File struct {
	// Name is the fileName in the response, any string up to 4,096 bytes, including hostile ones. The extension of the media
	// URL is taken from it if it is at most 8 letters, digits, '-' and '_'. Defaults to "<32 hex digits>-merged.wav".
	Name string
	// Format of the bytes. Defaults to WAV.
	Format Format
	// Duration of the audio, rounded down to a sample; FLAC at most 10 minutes. Defaults to 30s.
	Duration time.Duration
	// Size of the whole file in bytes, up to 1 TiB, instead of Duration; rounded down to a sample. Not for FLAC. The file is
	// not held in memory. WAV is limited to 4 GiB, RF64 is not. Defaults to the size that Duration gives.
	Size int64
	// Channels is 1, both speakers mixed, or 2, the caller left and the agent right. Defaults to 1.
	Channels int
	// Seed selects voices and words. Defaults to one derived from the session and the position of the file.
	Seed uint64
	// Raw, when not nil, is the exact content of the file, and Format, Duration, Size, Channels and Seed are ignored.
	Raw []byte
	// Validator is what media responses tell one content of the file from another by. Defaults to StrongETag.
	Validator Validator
	// ContentType of the media response. Defaults to "audio/wav", or "audio/flac" if the name ends in .flac.
	ContentType string
	// Faults apply to successive GETs of the media URL, each for as many as its Times; after the last one responses are
	// normal. Defaults to none.
	Faults []Fault
}

// Validator is what a media response tells one content of a file from another by. With Config.DisableETag there is none.
type Validator string

const (
	// StrongETag is an ETag that If-Range may name, and Last-Modified.
	StrongETag Validator = "strong-etag"
	// WeakETag is an ETag that If-Range must not name (W/"…"), and Last-Modified.
	WeakETag Validator = "weak-etag"
	// LastModified is that header alone.
	LastModified Validator = "last-modified"
	// NoValidator is neither header.
	NoValidator Validator = "no-validator"
)

// fileState is a file within a session.
type fileState struct {
	File
	session  sessionKey
	path     string // of the media URL, without scheme, host and query
	etag     string
	modified time.Time
	fault    int         // index of the fault for the next GET
	hits     int         // how many GETs had it
	past     []fileState // the contents before the present one, oldest first
}

func newFileState(st *sessionState, index int, config *Config) (*fileState, error) {
	return newFile(st, st.Files[index], strconv.Itoa(index), config)
}

// newFile returns a file of a session, which has the file once by that name.
func newFile(st *sessionState, file File, name string, config *Config) (*fileState, error) {
	key := sessionKey{st.BotID, st.SessionID}
	identity := sha256.Sum256([]byte(fmt.Sprintf("%s/%s/%s", key.botID, key.sessionID, name)))
	f := &fileState{File: file, session: key, modified: st.begin.Add(10 * time.Minute)}
	defaultString(&f.Name, hex.EncodeToString(identity[16:])+"-merged.wav")
	if f.Seed == 0 {
		f.Seed = binary.BigEndian.Uint64(identity[8:]) | 1
	}
	where := fmt.Sprintf("session %s, file %s", key.sessionID, name)
	if err := f.prepareAudio(where); err != nil {
		return nil, err
	}
	if err := f.prepareFaults(where, config); err != nil {
		return nil, err
	}
	f.path = mediaPath(config, key.botID, st.begin, uuid5(identity[:16]), extension(f.Name))
	f.etag = f.entityTag()
	return f, nil
}

func (f *fileState) prepareAudio(where string) error {
	if f.Format == "" {
		f.Format = WAV
	}
	defaultInt(&f.Channels, 1)
	defaultDuration(&f.Duration, 30*time.Second)
	if f.ContentType == "" {
		f.ContentType = "audio/wav"
		if extension(f.Name) == "flac" {
			f.ContentType = "audio/flac"
		}
	}
	switch {
	case len(f.Name) > maxNameLen:
		return fmt.Errorf("simulator: %s has a name of %d bytes: use at most %d", where, len(f.Name), maxNameLen)
	case f.Raw != nil:
		return nil
	case f.Channels != 1 && f.Channels != 2:
		return fmt.Errorf("simulator: %s has %d channels: use 1 or 2", where, f.Channels)
	case f.Duration < 0 || f.Size < 0 || f.Size > maxAudio:
		return fmt.Errorf("simulator: %s has Duration %s and Size %d: use positive ones, Size up to %d", where, f.Duration, f.Size, maxAudio)
	case f.Format == FLAC && (f.Size != 0 || f.Duration > maxFLAC || f.frames() == 0):
		return fmt.Errorf("simulator: %s is FLAC of %s: give it a Duration of at most %s and no Size", where, f.Duration, maxFLAC)
	case f.Format == WAV && f.dataBytes()+wavHeaderBytes > maxRIFF:
		return fmt.Errorf("simulator: %s is over 4 GiB: use the format RF64", where)
	case f.Format != WAV && f.Format != RF64 && f.Format != FLAC:
		return fmt.Errorf("simulator: %s has the format %q: use %s, %s or %s", where, f.Format, WAV, RF64, FLAC)
	}
	return nil
}

func (f *fileState) prepareFaults(where string, config *Config) error {
	if f.Validator == "" {
		f.Validator = StrongETag
	}
	if !slices.Contains([]Validator{StrongETag, WeakETag, LastModified, NoValidator}, f.Validator) {
		return fmt.Errorf("simulator: %s has the validator %q, which does not exist: use one of the Validator constants", where, f.Validator)
	}
	f.Faults = append([]Fault(nil), f.Faults...)
	for i, fault := range f.Faults {
		where := fmt.Sprintf("%s, fault %d", where, i)
		var err error
		if f.Faults[i], err = fault.withDefaults(where); err != nil {
			return err
		}
		switch {
		case fault.needsRange() && config.DisableRange:
			return fmt.Errorf("simulator: %s has the kind %q, which waits for a Range that is honoured: unset Config.DisableRange", where, fault.Kind)
		case fault.changes() && fault.Bytes > 0 && f.Raw == nil && f.Format == FLAC:
			return fmt.Errorf("simulator: %s makes FLAC longer: set Bytes to 0, or use another format", where)
		}
	}
	return nil
}

// frames is the length in samples of each channel.
func (f *fileState) frames() int64 { return f.dataBytes() / int64(2*f.Channels) }

// dataBytes is the length of the PCM data.
func (f *fileState) dataBytes() int64 {
	frame := int64(2 * f.Channels)
	if f.Size > 0 {
		return max(0, f.Size-f.headerBytes()) / frame * frame
	}
	return int64(f.Duration/time.Microsecond) * sampleRate / 1_000_000 * frame
}

// headerBytes is the length of what comes before the PCM data.
func (f *fileState) headerBytes() int64 {
	if f.Format == RF64 {
		return rf64HeaderBytes
	}
	return wavHeaderBytes
}

// entityTag changes when the bytes do.
func (f *fileState) entityTag() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %d %d %d %t ", f.path, f.Format, f.dataBytes(), f.Channels, f.Seed, f.Raw != nil)
	h.Write(f.Raw)
	return `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// nextFault returns the fault for a GET, counts it, and makes the change that it is. The caller holds the simulator's mutex.
func (f *fileState) nextFault(r *http.Request, noValidators bool) Fault {
	if f.fault >= len(f.Faults) {
		return Fault{Kind: None}
	}
	fault := f.Faults[f.fault]
	if fault.needsRange() && !f.honours(r, noValidators) {
		return Fault{Kind: None}
	}
	if fault.changes() {
		f.change(fault)
	}
	f.hits++
	if fault.Times > 0 && f.hits >= fault.Times {
		f.fault, f.hits = f.fault+1, 0
	}
	return fault
}

// extension returns the extension of the media URL: that of the name if it is short and needs no escaping, else wav.
func extension(name string) string {
	_, after, found := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ".")
	after = strings.ToLower(after[strings.LastIndexByte(after, '.')+1:])
	if !found || len(after) > 8 || !isPathSegment(after) {
		return "wav"
	}
	return after
}

// uuid5 formats 16 bytes as a name-based UUID, the kind in the vendor's sample.
func uuid5(b []byte) string {
	u := [16]byte(b)
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	h := hex.EncodeToString(u[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
