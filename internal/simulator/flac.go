package simulator

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// flacBlock is the number of samples in a FLAC frame; 4096 is the usual size.
const flacBlock = 4096

// encodeFLAC encodes the repeated PCM loop to a length of frames samples per channel.
func encodeFLAC(loop []byte, channels int, frames int64) ([]byte, error) {
	pcm := make([]byte, frames*int64(2*channels))
	source := waveFile{loop: loop, data: int64(len(pcm))}
	if _, err := source.ReadAt(pcm, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("simulator: reading PCM for FLAC: %w", err)
	}
	// The stream header is complete from the start, so it need not be rewritten at the end.
	info := &meta.StreamInfo{
		BlockSizeMin: flacBlock, BlockSizeMax: flacBlock, SampleRate: sampleRate,
		NChannels: uint8(channels), BitsPerSample: 16, NSamples: uint64(frames), MD5sum: md5.Sum(pcm),
	}
	var out bytes.Buffer
	encoder, err := flac.NewEncoder(&out, info)
	if err != nil {
		return nil, fmt.Errorf("simulator: starting FLAC: %w", err)
	}
	for at := int64(0); at < frames; at += flacBlock {
		n := min(flacBlock, frames-at)
		if err := encoder.WriteFrame(flacFrame(pcm[at*int64(2*channels):], channels, int(n))); err != nil {
			return nil, fmt.Errorf("simulator: encoding FLAC at sample %d: %w", at, err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("simulator: finishing FLAC: %w", err)
	}
	return out.Bytes(), nil
}

func flacFrame(pcm []byte, channels, samples int) *frame.Frame {
	layout := frame.ChannelsMono
	if channels == 2 {
		layout = frame.ChannelsLR
	}
	f := &frame.Frame{Header: frame.Header{
		HasFixedBlockSize: true, BlockSize: uint16(samples), SampleRate: sampleRate, Channels: layout, BitsPerSample: 16,
	}}
	for c := range channels {
		sub := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: samples, Samples: make([]int32, samples)}
		for i := range sub.Samples {
			sub.Samples[i] = int32(int16(binary.LittleEndian.Uint16(pcm[2*(i*channels+c):])))
		}
		f.Subframes = append(f.Subframes, sub)
	}
	return f
}
