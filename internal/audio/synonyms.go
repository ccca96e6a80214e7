package audio

import "slices"

// generic are media types that say nothing about the format.
var generic = []string{"", "application/octet-stream", "binary/octet-stream", "application/binary", "octet-stream/binary"}

// synonyms are the other media types of a format that servers use, by its name.
// Containers may also be declared as video.
var synonyms = map[string][]string{
	WAV.Name:      {"audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"},
	W64.Name:      {"audio/w64", "audio/x-wave64"},
	FLAC.Name:     {"audio/x-flac"},
	Ogg.Name:      {"application/ogg", "audio/x-ogg", "audio/opus", "audio/vorbis", "video/ogg"},
	MP3.Name:      {"audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpg", "audio/mpeg3", "audio/x-mpeg-3"},
	AAC.Name:      {"audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts"},
	MP4.Name:      {"audio/x-m4a", "audio/m4a", "audio/x-mp4", "video/mp4"},
	AU.Name:       {"audio/au", "audio/x-au"},
	AIFF.Name:     {"audio/x-aiff", "audio/aifc", "audio/x-aifc"},
	CAF.Name:      {"audio/caf"},
	AMR.Name:      {"audio/amr-nb", "audio/x-amr"},
	AMRWB.Name:    {"audio/x-amr-wb"},
	WebM.Name:     {"video/webm"},
	Matroska.Name: {"audio/matroska", "video/x-matroska", "video/matroska"},
}

// Contradicts reports whether a declared media type, in lower case and without
// parameters, names something else than the format. A type that says nothing,
// for example application/octet-stream, contradicts no format.
func (f Format) Contradicts(declared string) bool {
	return declared != f.ContentType && !slices.Contains(generic, declared) && !slices.Contains(synonyms[f.Name], declared)
}
