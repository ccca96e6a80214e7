package verifytest

import "context"

// memoryStore is a bucket in memory: a daylog.Store.
type memoryStore map[string][]byte

// ReadObject implements daylog.Store.
func (s memoryStore) ReadObject(_ context.Context, key string, _ int64) ([]byte, string, error) {
	content, found := s[key]
	if !found {
		return nil, "", nil
	}
	return content, etagOf(content), nil
}

// WriteObject implements daylog.Store.
func (s memoryStore) WriteObject(ctx context.Context, key, _ string, content []byte, replaces string) (bool, error) {
	if _, etag, _ := s.ReadObject(ctx, key, 0); etag != replaces {
		return false, nil
	}
	s[key] = content
	return true, nil
}

// WriteWorkingObject implements daylog.Store.
func (s memoryStore) WriteWorkingObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error) {
	return s.WriteObject(ctx, key, contentType, content, replaces)
}
