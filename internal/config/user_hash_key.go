package config

// minUserHashKey is in bytes. Users' ids can be guessed, so the key must not be.
const minUserHashKey = 16

// userHashKey reads the key of the hashes of users' ids, if there is one. It is read once,
// because it must not change: rows under another key are not found any more.
func (p *problems) userHashKey(w *written) []byte {
	const name = "userHashKey"
	if !hasSecret(w, name) {
		return nil
	}
	source := p.secret(w, name, "the key of the hashes of users' ids")
	if source == nil {
		return nil
	}
	key, err := source.Read()
	switch {
	case err != nil:
		p.add(w.place(givenOf(w, name)), "%v", err)
	case len(key) < minUserHashKey:
		p.add(w.place(givenOf(w, name)), "holds %d bytes: want at least %d, such as the output of openssl rand -hex 32", len(key), minUserHashKey)
	}
	return []byte(key)
}
