// Package audit describes what is written down about every change: who did what to which object, when and in which
// request, with digests of the state before and after, and never any content.
//
// An entry is stored in the same transaction as the change it describes, so that there is no change without its entry.
package audit

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Event names what happened.
type Event string

// The events.
const (
	TenantCreated     Event = "tenant.created"
	KeyCreated        Event = "api-key.created"
	PassportCreated   Event = "passport.created"
	PassportUpdated   Event = "passport.updated"
	PassportPublished Event = "passport.published"
	PassportSuspended Event = "passport.suspended"
	PassportArchived  Event = "passport.archived"
)

// Entry is one line of the audit trail.
type Entry struct {
	ID      id.Entry
	Tenant  id.Tenant
	At      time.Time
	Actor   string
	Event   Event
	Object  string // "passport:<id>", "api-key:<key id>", …
	Request id.Request
	Before  string // digest of the object before, empty when it did not exist; see passport.Digest
	After   string // digest of the object after
}

// New makes the entry for a change made by a caller.
func New(source *id.Source, by access.Caller, event Event, object, before, after string) Entry {
	return Entry{
		ID: id.New[id.Entry](source), Tenant: by.Tenant, At: by.At, Actor: by.Actor,
		Event: event, Object: object, Request: by.Request, Before: before, After: after,
	}
}
