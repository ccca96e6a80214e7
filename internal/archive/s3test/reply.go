package s3test

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// reply is a response.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func refuse(status int, code, message string) *reply {
	refused := xmlReply("Error", element("Code", code), element("Message", message))
	refused.status = status
	return refused
}

// xmlReply returns a success whose body has these elements.
func xmlReply(root string, elements ...string) *reply {
	return &reply{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/xml"}},
		body:   []byte(xml.Header + "<" + root + ">" + strings.Join(elements, "") + "</" + root + ">"),
	}
}

func element(name, text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // A strings.Builder never fails.
	return "<" + name + ">" + escaped.String() + "</" + name + ">"
}

func (p *reply) write(w http.ResponseWriter, r *http.Request, rule *Rule) {
	body := p.body
	if rule.Body != nil {
		body = rule.Body(body)
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	if r.Method == http.MethodHead && p.status >= http.StatusBadRequest {
		body = nil // A HEAD says nothing but its status.
		w.Header().Del("Content-Type")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if rule.Header != nil {
		rule.Header(w.Header())
	}
	if p.status == http.StatusNoContent {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(body) //nolint:gosec // No browser reads it; the client may be gone.
}
