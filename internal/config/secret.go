package config

import (
	"errors"
	"os"

	"github.com/callvault/callvault/internal/secret"
)

// secret returns where a required secret is: in the file that one key names, or in
// the variable that another one names. It returns nil if it cannot be read there.
func (p *problems) secret(w *written, name, what string) *secret.Source {
	file, env := name+"File", name+"Env"
	switch {
	case w.has(file) && w.has(env):
		p.add(w.place(env), "is set in addition to %s: remove one of them", w.nameOf(file))
	case w.has(file):
		return p.secretFile(w, file)
	case w.has(env):
		return p.secretVariable(w, env, what)
	case !w.isMisread(file) && !w.isMisread(env):
		missing := file
		if w.isShortForm() && w.nameOf(env) != "" {
			missing = env
		}
		p.add(w.place(missing), "is not set: give %s by %s", what, w.oneOf(file, env))
	}
	return nil
}

// secretFile reads the file once. A path is shown only if something is there: what
// is no path may be the secret itself.
func (p *problems) secretFile(w *written, name string) *secret.Source {
	file := w.file(name)
	if _, err := os.Stat(file); err != nil {
		p.add(w.place(name), "the file that it names cannot be read (%v): correct the path or the permissions", errors.Unwrap(err))
		return nil
	}
	source := secret.File(file)
	if _, err := source.Read(); err != nil {
		p.add(w.place(name), "%v", err)
		return nil
	}
	return source
}

// secretVariable does not show the name of a variable that is not there, for the
// same reason.
func (p *problems) secretVariable(w *written, name, what string) *secret.Source {
	value := w.environment[w.given[name].text]
	switch {
	case value == "":
		p.add(w.place(name), "the variable that it names is not set: set that to %s, or correct the name", what)
		return nil
	case len(value) > secret.MaxBytes:
		p.add(w.place(name), "the variable has %d bytes: want at most %d", len(value), secret.MaxBytes)
		return nil
	}
	return secret.Value(value)
}

func hasSecret(w *written, name string) bool { return w.has(name+"File") || w.has(name+"Env") }

// givenOf returns which of the two keys of a secret was given.
func givenOf(w *written, name string) string {
	if w.has(name + "Env") {
		return name + "Env"
	}
	return name + "File"
}
