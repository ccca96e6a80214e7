package audio

// Options say how far an [Inspector] looks.
type Options struct {
	// DecodeFLAC decodes FLAC, for the silence and the MD5 of its samples. It takes
	// about 15 CPU-seconds for a GB of FLAC and at most 2 MiB of memory; without it
	// only what the header states is known. WAV is always looked into. Defaults to
	// false.
	DecodeFLAC bool
}

// Inspector looks into a recording while its bytes pass through [Inspector.Write].
// It knows WAV (RIFF, RIFX, RF64, BW64) with PCM of 8, 16, 24 and 32 bits, μ-law
// and A-law, and FLAC; of anything else it says nothing. Memory and time are
// bounded whatever the file states. Nothing runs in the background, so an
// inspector can be dropped at any point. It is not safe for concurrent use.
type Inspector struct {
	options Options
	ended   bool
	head    []byte // of a file whose format is not known yet, less than signatureBytes
	format  inspected
	wav     wavStream
	flac    flacStream
}

// inspected is what kind of file an inspector reads.
type inspected uint8

const (
	undecided inspected = iota
	inspectedWAV
	inspectedFLAC
	notInspected
)

// signatureBytes are enough to tell WAV and FLAC from all else.
const signatureBytes = 12

// maxChannels is how many channels are looked into: FLAC has at most as many.
const maxChannels = 8

// maxChunks is how many chunks or metadata blocks may precede the samples. More
// would cost time, and no writer makes them.
const maxChunks = 1000

// NewInspector returns an inspector for one recording.
func NewInspector(options Options) *Inspector { return &Inspector{options: options} }

// Write implements io.Writer. It takes the next bytes of the recording, never
// fails and never blocks. Bytes after [Inspector.Findings] are ignored.
func (i *Inspector) Write(p []byte) (int, error) {
	written := len(p)
	if i.ended {
		return written, nil
	}
	if i.format == undecided {
		p = i.decide(p)
	}
	i.feed(p)
	return written, nil
}

// decide collects the signature and returns what of p follows it.
func (i *Inspector) decide(p []byte) []byte {
	n := min(signatureBytes-len(i.head), len(p))
	i.head = append(i.head, p[:n]...)
	if len(i.head) < signatureBytes {
		return nil
	}
	i.format = notInspected
	switch Detect(i.head) {
	case WAV:
		i.format = inspectedWAV
	case FLAC:
		i.format = inspectedFLAC
		i.flac.decode = i.options.DecodeFLAC
	}
	i.feed(i.head)
	i.head = nil
	return p[n:]
}

func (i *Inspector) feed(p []byte) {
	switch i.format {
	case inspectedWAV:
		i.wav.write(p)
	case inspectedFLAC:
		i.flac.write(p)
	default:
	}
}

// Findings returns what is known of the recording if it ends here, nil if that is
// nothing.
func (i *Inspector) Findings() *Findings {
	i.ended = true
	switch i.format {
	case inspectedWAV:
		return i.wav.findings()
	case inspectedFLAC:
		return i.flac.findings()
	default:
		return nil
	}
}
