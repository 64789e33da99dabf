package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Request is an HTTP request on its way through the layers.
type Request struct {
	*http.Request
	ID        id.Request
	At        time.Time // the one instant of this request
	Principal access.Principal
	Body      []byte

	route *Route
	event *Event
}

// Caller is on whose behalf the handler acts.
func (r *Request) Caller() access.Caller {
	return access.Caller{Tenant: r.Principal.Tenant, Actor: r.Principal.Actor(), Role: r.Principal.Role, Request: r.ID, At: r.At}
}

// From is the address of the caller as the gateway saw it, never what a header claims; the zero address when unknown.
func (r *Request) From() netip.Addr {
	if p, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return p.Addr().Unmap()
	}
	a, _ := netip.ParseAddr(r.RemoteAddr)
	return a.Unmap()
}

// Token is the credential that the request came with, for a service that takes it on the caller's behalf. It must not be
// kept or written down.
func (r *Request) Token() string {
	token, err := bearer(r)
	if err != nil {
		return ""
	}
	return token
}

// IfMatch is the revision the caller has seen. The layers have already refused a conditional route without the header.
func (r *Request) IfMatch() (int64, error) {
	tag := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	n, err := strconv.ParseInt(inner, 10, 64)
	if !ok || !ok2 || err != nil || n < 1 || inner[0] == '+' {
		return 0, fault.New(fault.CodeIfMatchInvalid, `If-Match must be the ETag of the object as last read, for example "3".`)
	}
	return n, nil
}

// RevisionTag is the entity tag of a revision.
func RevisionTag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// Page reads limit and cursor.
func (r *Request) Page() (page.Request, error) {
	q := r.URL.Query()
	p := page.Request{Limit: page.DefaultLimit, Cursor: q.Get("cursor")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > page.MaxLimit {
			return p, BadQuery("limit", fmt.Sprintf("a whole number from 1 to %d", page.MaxLimit))
		}
		p.Limit = n
	}
	return p, nil
}

// Instant reads a query parameter as an RFC 3339 instant; the zero time when it is absent.
func (r *Request) Instant(name string) (time.Time, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, BadQuery(name, "an instant such as 2027-02-18T09:30:00Z")
	}
	return t.UTC(), nil
}

// BadQuery refuses a query parameter and says what it must be.
func BadQuery(name, must string) error {
	return fault.New(fault.CodeQueryInvalid, "The query parameter %q must be %s.", name, must).With(
		fault.Field{Pointer: "?" + name, Code: fault.CodeQueryInvalid, Detail: "must be " + must})
}

// checkQuery refuses parameters that the route does not know, and repeated ones.
func checkQuery(r *http.Request, known []string) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	var fields []fault.Field
	for name, values := range r.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			fields = append(fields, fault.Field{Pointer: "?" + name, Code: fault.CodeQueryInvalid, Detail: "this operation does not know it"})
		case len(values) > 1:
			fields = append(fields, fault.Field{Pointer: "?" + name, Code: fault.CodeQueryInvalid, Detail: "given more than once"})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	slices.SortFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	detail := "This operation takes no query parameters."
	if len(known) > 0 {
		detail = "This operation knows the query parameters " + strings.Join(known, ", ") + "."
	}
	return fault.New(fault.CodeQueryInvalid, "%s", detail).With(fields...)
}
