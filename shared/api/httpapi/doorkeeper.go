package httpapi

import (
	"context"
	"net/http"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/authentication"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Doorkeeper judges the credential of a request before the request reaches its function, so that whoever has none costs
// one small function and no other. It decides nothing else: the function verifies the credential again and alone knows
// what it may do.
type Doorkeeper struct {
	gate     *Gate
	function string
}

// NewDoorkeeper makes a doorkeeper that reports under the name of its function.
func NewDoorkeeper(g *Gate, function string) *Doorkeeper { return &Doorkeeper{g, function} }

// Admit returns nil for a request whose credential is good, an unauthenticated fault for one without, and any other
// fault when that could not be found out. route is the pattern that the gateway has found, for the log. A request that
// asks what it may send (OPTIONS) needs no credential.
func (d *Doorkeeper) Admit(r *http.Request, route string) error {
	if r.Method == http.MethodOptions {
		return nil
	}
	at := d.gate.Now()
	ctx, tally := WithTally(r.Context())
	req := &Request{Request: r.WithContext(ctx), ID: id.New[id.Request](d.gate.IDs), At: at}
	e := Event{Request: req.ID, At: at, Function: d.function, Route: route, Method: r.Method, Status: http.StatusOK}
	err := d.judge(ctx, req, &e)
	if err != nil {
		f := fault.Of(err)
		e.Status, e.Code = Status(f.Kind), f.Code
		if f.Cause != nil {
			e.Cause = f.Cause.Error()
		}
	}
	e.Duration = d.gate.Now().Sub(at)
	e.Calls, e.Units = tally.Calls(), tally.Units()
	d.gate.Sink(ctx, e)
	return err
}

func (d *Doorkeeper) judge(ctx context.Context, r *Request, e *Event) error {
	token, err := bearer(r)
	if err != nil {
		return nil // a browser that comes from elsewhere: the function says what is wrong with that
	}
	r.Principal, err = d.gate.Auth.Credential(ctx, authentication.Request{Token: token, From: r.From(), At: r.At})
	if r.Principal.ID != "" {
		e.Tenant, e.Principal = r.Principal.Tenant, r.Principal.Actor()
	}
	if err == nil || fault.Of(err).Code != fault.CodeUnauthenticated || r.Principal.Tenant == "" || d.gate.Watch == nil {
		return err
	}
	if werr := d.gate.Watch.Refused(context.WithoutCancel(ctx), audit.Attempt{
		By: r.Principal, Event: audit.AuthenticationFailed, Object: "gateway", Reason: string(fault.CodeUnauthenticated), Request: r.ID, From: r.From(), At: r.At,
	}); werr != nil {
		e.Cause = werr.Error()
	}
	return access.Unauthenticated()
}
