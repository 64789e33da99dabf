package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/authentication"
	"github.com/passportcraft/passportcraft/shared/domain/idempotency"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Authenticator tells who sent a request.
type Authenticator interface {
	Authenticate(ctx context.Context, r authentication.Request) (access.Principal, error)
	Credential(ctx context.Context, r authentication.Request) (access.Principal, error)
}

// Watcher writes refused attempts down.
type Watcher interface {
	Refused(ctx context.Context, a audit.Attempt) error
}

// Limiter refuses requests that come too fast.
type Limiter interface {
	Take(ctx context.Context, p access.Principal, at time.Time) error
}

// Gate is what the layers need. A gate for public routes only may leave Auth, Idempotency and Quota empty: a route that
// needs them then panics when the mux is built, not when it is called.
type Gate struct {
	Auth        Authenticator
	Idempotency idempotency.Store
	Quota       Limiter
	Watch       Watcher
	Now         clock.Clock
	IDs         *id.Source
	Sink        func(context.Context, Event)
}

// mux serves routes behind the layers.
type mux struct {
	gate    *Gate
	routes  *http.ServeMux
	allowed map[string][]string // methods by path pattern
	serve   handler
}

type handler func(*Request) (*Response, error)

// Mux serves the routes, all behind the same layers in the same order. Building it with a route that is incomplete
// panics: that is a programming error and shows at start.
func Mux(g *Gate, routes ...Route) http.Handler {
	m := &mux{gate: g, routes: http.NewServeMux(), allowed: map[string][]string{}}
	m.serve = guard(g, func(r *Request) (*Response, error) { return r.route.Handle(r) })
	for i := range routes {
		route := &routes[i]
		method, path, ok := strings.Cut(route.Pattern, " ")
		if !ok || route.Handle == nil || route.Function == "" || route.Action == "" {
			panic(fmt.Sprintf("httpapi: route %q is incomplete", route.Pattern))
		}
		if route.Action != access.Public && (g.Auth == nil || g.Quota == nil) || route.Idempotent && g.Idempotency == nil {
			panic(fmt.Sprintf("httpapi: route %q needs more than its gate has", route.Pattern))
		}
		m.allowed[path] = append(append(m.allowed[path], method, http.MethodOptions), route.Siblings...)
		if method == http.MethodGet {
			m.allowed[path] = append(m.allowed[path], http.MethodHead)
		}
		exact := path
		if strings.HasSuffix(path, "/") {
			exact += "{$}" // "/" alone would match every path
		}
		m.routes.Handle(method+" "+exact, routed{route})
	}
	for path := range m.allowed {
		slices.Sort(m.allowed[path])
		m.allowed[path] = slices.Compact(m.allowed[path])
	}
	return m
}

// routed lets http.ServeMux carry a route; it is never served through.
type routed struct{ route *Route }

func (routed) ServeHTTP(http.ResponseWriter, *http.Request) {}

// find returns the route of a request with its path values set, or a fault. ServeMux would redirect untidy paths; we
// answer that there is nothing there.
func (m *mux) find(r *http.Request) (*Route, []string, error) {
	path := r.URL.EscapedPath()
	if len(path) > 1 && strings.HasSuffix(path, "/") {
		path = path[:len(path)-1] // GS1 resolvers should tolerate a trailing slash
		r.URL.Path, r.URL.RawPath = strings.TrimSuffix(r.URL.Path, "/"), path
	}
	if path == "" || path[0] != '/' || strings.Contains(path, "//") || dotted(path) {
		return nil, nil, noRoute()
	}
	h, pattern := m.routes.Handler(r)
	if hit, ok := h.(routed); ok {
		_, p, _ := strings.Cut(hit.route.Pattern, " ")
		// Handler finds the route but only ServeHTTP sets the path values; the handler it calls does nothing.
		m.routes.ServeHTTP(nil, r)
		return hit.route, m.allowed[p], nil
	}
	if pattern != "" {
		return nil, nil, noRoute()
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		h, _ := m.routes.Handler(probe)
		if hit, ok := h.(routed); ok {
			_, p, _ := strings.Cut(hit.route.Pattern, " ")
			return hit.route, m.allowed[p], fault.New(fault.CodeMethodNotAllowed, "Here you can use %s.", strings.Join(m.allowed[p], ", "))
		}
	}
	return nil, nil, noRoute()
}

func dotted(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ToLower(segment) {
		case ".", "..", "%2e", "%2e%2e", ".%2e", "%2e.":
			return true
		}
	}
	return false
}

func noRoute() error {
	return fault.New(fault.CodeRouteNotFound, "Nothing is served at this address.")
}
