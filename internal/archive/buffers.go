package archive

import "context"

// Buffers are the memory for parts of recordings whose length is not known: these are kept
// in memory until they are uploaded. Whoever needs one waits until one is free. It is safe
// for concurrent use.
type Buffers struct {
	bytes int64
	free  chan []byte // nil ones are not allocated yet
}

// NewBuffers returns as many buffers of so many bytes each as fit into total, but at least
// one. They are allocated when they are first needed.
func NewBuffers(bytes, total int64) *Buffers {
	n := max(1, total/bytes)
	b := &Buffers{bytes: bytes, free: make(chan []byte, n)}
	for range n {
		b.free <- nil
	}
	return b
}

// TryTake returns a buffer that is free, and a function that gives it back; nil if none is.
func (b *Buffers) TryTake() (buffer []byte, free func()) {
	select {
	case buffer = <-b.free:
		return b.taken(buffer)
	default:
		return nil, nil
	}
}

// Take returns a buffer, and a function that gives it back. It returns the cause that ended
// ctx if that comes first.
func (b *Buffers) Take(ctx context.Context) (buffer []byte, free func(), err error) {
	select {
	case buffer = <-b.free:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	buffer, free = b.taken(buffer)
	return buffer, free, nil
}

func (b *Buffers) taken(buffer []byte) (taken []byte, free func()) {
	if buffer == nil {
		buffer = make([]byte, b.bytes)
	}
	return buffer, func() { b.free <- buffer }
}
