// Package audit describes what is written down about every change and every attempt that was refused: who did what to
// which object, when and in which request, with digests of the state before and after, and never any content.
//
// An entry is stored in the same transaction as the change it describes, so that there is no change without its entry.
// Package auditlog puts entries in an order that cannot be rewritten.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Entry is one line of the audit trail.
type Entry struct {
	ID      id.Entry
	Tenant  id.Tenant
	At      time.Time
	Actor   string
	Event   Event
	Object  string // "passport:<id>", "api-key:<key id>", "route:<action>", …
	Request id.Request
	Before  string            // digest of the object before, empty when it did not exist; see passport.Digest
	After   string            // digest of the object after
	Network string            // keyed digest of the caller's network, where it matters
	Count   int               // how many attempts it stands for, from 1 on
	Detail  map[string]string // of the event, without personal data: roles, scopes, reasons
}

// New makes the entry for a change made by a caller.
func New(source *id.Source, by access.Caller, event Event, object, before, after string) Entry {
	return Entry{
		ID: id.New[id.Entry](source), Tenant: by.Tenant, At: by.At, Actor: by.Actor,
		Event: event, Object: object, Request: by.Request, Before: before, After: after, Count: 1,
	}
}

// With returns a copy with a detail added.
func (e Entry) With(name, value string) Entry {
	detail := map[string]string{name: value}
	for k, v := range e.Detail {
		detail[k] = v
	}
	e.Detail = detail
	return e
}

// Digest is a digest over values that may be compared but not read, as "sha-256:<hex>".
func Digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return "sha-256:" + hex.EncodeToString(h.Sum(nil))
}

// written is the form in which an entry is logged, with its members in the order of their names, so that the text is
// canonical (RFC 8785): encoding/json sorts the keys of the map too.
type written struct {
	Actor   string            `json:"actor"`
	After   string            `json:"after,omitempty"`
	At      string            `json:"at"`
	Before  string            `json:"before,omitempty"`
	Count   int               `json:"count"`
	Detail  map[string]string `json:"detail,omitempty"`
	Event   Event             `json:"event"`
	ID      id.Entry          `json:"id"`
	Network string            `json:"network,omitempty"`
	Object  string            `json:"object"`
	Request id.Request        `json:"request"`
	Tenant  id.Tenant         `json:"tenant"`
}

const instant = "2006-01-02T15:04:05.000000000Z"

// Canonical is the one text form of an entry, over which its leaf in the log is computed.
func (e Entry) Canonical() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(written{
		Actor: e.Actor, After: e.After, At: e.At.UTC().Format(instant), Before: e.Before, Count: e.Count, Detail: e.Detail,
		Event: e.Event, ID: e.ID, Network: e.Network, Object: e.Object, Request: e.Request, Tenant: e.Tenant,
	})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// ParseCanonical reads what Canonical wrote.
func ParseCanonical(b []byte) (Entry, error) {
	var w written
	if err := json.Unmarshal(b, &w); err != nil {
		return Entry{}, fmt.Errorf("audit: entry: %w", err)
	}
	at, err := time.Parse(instant, w.At)
	if err != nil {
		return Entry{}, fmt.Errorf("audit: entry: %w", err)
	}
	return Entry{
		ID: w.ID, Tenant: w.Tenant, At: at, Actor: w.Actor, Event: w.Event, Object: w.Object, Request: w.Request,
		Before: w.Before, After: w.After, Network: w.Network, Count: w.Count, Detail: w.Detail,
	}, nil
}
