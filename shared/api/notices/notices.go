// Package notices is the HTTP form of what the people in charge of an organisation are told.
package notices

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Notice is a notice as it is read.
type Notice struct {
	ID     id.Notice         `json:"id"`
	At     time.Time         `json:"at"`
	Title  string            `json:"title"`
	Event  audit.Event       `json:"event"`
	Actor  string            `json:"actor"`
	Object string            `json:"object"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Reader reads notices.
type Reader interface {
	Notices(ctx context.Context, t id.Tenant, r page.Request) (page.Of[audit.Notice], error)
}

// List serves GET /v1/notices, newest first.
func List(s Reader) httpapi.Route {
	return httpapi.Route{
		Function: "list-notices", Pattern: "GET /v1/notices", Action: access.NoticeRead, Query: []string{"limit", "cursor"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			p, err := r.Page()
			if err != nil {
				return nil, err
			}
			got, err := s.Notices(r.Context(), r.Principal.Tenant, p)
			if err != nil {
				return nil, err
			}
			return httpapi.ListOf(got, func(n audit.Notice) Notice {
				return Notice{ID: n.ID, At: n.At, Title: n.Title(), Event: n.Event, Actor: n.Actor, Object: n.Object, Detail: n.Detail}
			}), nil
		},
	}
}
