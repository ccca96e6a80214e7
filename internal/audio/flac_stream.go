package audio

import "encoding/binary"

const encodingFLAC = "flac"

// flacStream reads a FLAC file in pieces: the metadata blocks and, if they are to
// be decoded, the frames.
type flacStream struct {
	decode    bool
	stage     flacStage
	pending   [infoEnd]byte // the beginning of what the stage needs
	collected int
	skip      uint64 // bytes to pass over before the next block
	last      bool   // the block is the last one before the frames
	blocks    int
	at        int64 // bytes before what is collected
	info      streamInfo
	decoder   *flacDecoder
}

type flacStage uint8

const (
	flacInfo flacStage = iota // the signature and the STREAMINFO block, which comes first
	flacBlock
	flacFrames
	flacGivenUp // not a file that is looked into
)

const (
	blockHeader = 4
	infoBytes   = 34
	infoEnd     = 4 + blockHeader + infoBytes
)

func (s *flacStream) write(p []byte) {
	for len(p) > 0 && s.stage != flacGivenUp {
		before := len(p)
		switch {
		case s.skip > 0:
			p = passOver(p, &s.skip)
		case s.stage == flacFrames:
			if s.decoder != nil {
				s.decoder.write(p)
			}
			return
		default:
			need := infoEnd
			if s.stage == flacBlock {
				need = blockHeader
			}
			n := copy(s.pending[s.collected:need], p)
			p = p[n:]
			if s.collected += n; s.collected == need {
				s.collected = 0
				s.advance()
			}
		}
		s.at += int64(before - len(p))
		if s.last && s.skip == 0 && s.stage == flacBlock {
			s.beginFrames()
		}
	}
}

// advance reads what was collected for the stage.
func (s *flacStream) advance() {
	header := s.pending[:]
	if s.stage == flacInfo {
		header = s.pending[4:]
	}
	length := uint64(binary.BigEndian.Uint32(header) & (1<<24 - 1))
	s.last = header[0]&0x80 != 0
	if s.stage == flacBlock {
		s.skip = length
		if s.blocks++; s.blocks > maxChunks {
			s.stage = flacFrames // of which none is decoded
		}
		return
	}
	s.stage = flacBlock
	if info, ok := readStreamInfo(header[blockHeader:]); ok && header[0]&0x7f == 0 && length == infoBytes {
		s.info = info
	} else {
		s.stage = flacGivenUp
	}
}

// readStreamInfo reads the content of a STREAMINFO block.
func readStreamInfo(block []byte) (info streamInfo, ok bool) {
	packed := binary.BigEndian.Uint64(block[10:])
	info = streamInfo{
		maxBlock: int(binary.BigEndian.Uint16(block[2:])),
		rate:     uint32(packed >> 44),
		channels: int(packed>>41&7) + 1,
		bits:     int(packed>>36&31) + 1,
		samples:  packed & (1<<36 - 1),
	}
	copy(info.md5[:], block[18:infoBytes])
	return info, info.bits >= 4
}

func (s *flacStream) beginFrames() {
	s.stage = flacFrames
	if s.decode && s.info.bits <= maxFLACBits {
		s.decoder = newFLACDecoder(s.info, s.at)
	}
}

func (s *flacStream) findings() *Findings {
	if s.stage == flacGivenUp || s.stage == flacInfo {
		return nil
	}
	f := &Findings{
		Encoding: encodingFLAC, Channels: s.info.channels, SampleRate: int(s.info.rate),
		DurationSeconds: durationOf(s.info.samples, s.info.rate),
		FLACMD5:         MD5NotChecked, FLACDecoding: DecodingNotDone,
	}
	if s.info.md5 == [16]byte{} {
		f.FLACMD5 = MD5NotStated
	}
	if s.decoder != nil {
		s.decoder.report(f)
	}
	return f
}
