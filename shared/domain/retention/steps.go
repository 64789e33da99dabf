package retention

import (
	"context"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// steps writes steps: each with its entry, its moment and the instant at which to look next.
type steps struct {
	lives lifecycle.Store
	ids   *id.Source
	actor string
	at    reading
}

// told are the steps that the people of a tenant also read of in the application.
func told(e audit.Event) bool {
	titled := slices.ContainsFunc(audit.Events(), func(d audit.Documented) bool { return d.Event == e && d.Title != "" })
	return titled || e == lifecycle.EventNoticeSent || e == lifecycle.EventWindowExtended
}

// take stores one step and returns the life after it. lifecycle.ErrStale when somebody else was faster.
func (s steps) take(ctx context.Context, l lifecycle.Life, after lifecycle.Record, event audit.Event, detail map[string]string, edit func(*lifecycle.Life)) (lifecycle.Life, error) {
	step := lifecycle.Step{Before: l.Record, After: l}
	step.After.Record = after
	step.After.History = append(slices.Clip(l.History), lifecycle.Moment{Event: event, At: s.at.at(), Actor: s.actor, Detail: detail})
	step.After.DueAt = dueAt(after, s.at.NotAfter, soon)
	if edit != nil {
		edit(&step.After)
	}
	if !l.Record.State.Begun() {
		by := access.Caller{Tenant: after.Tenant, Actor: s.actor, Request: id.New[id.Request](s.ids), At: s.at.at()}
		e := audit.New(s.ids, by, event, "tenant:"+string(after.Tenant), "", "")
		e.Detail = detail
		step.Entries = []audit.Entry{e}
		if told(event) {
			step.Notices = []audit.Notice{audit.NoticeOf(s.ids, e)}
		}
	}
	if err := s.lives.Step(ctx, step); err != nil {
		return l, err
	}
	return step.After, nil
}

// look stores nothing but when to look next.
func (s steps) look(ctx context.Context, l lifecycle.Life, at time.Time) error {
	after := l
	after.Record, after.DueAt = l.Record.Touch(), at
	return s.lives.Step(ctx, lifecycle.Step{Before: l.Record, After: after})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
