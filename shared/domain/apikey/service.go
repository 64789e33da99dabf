package apikey

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of keys.
const (
	DefaultDays = 365
	MaxDays     = 730
	maxLive     = 50 // of one organisation
	maxOfName   = 2  // so that a client can be moved from the old key to the new one
	maxPrefixes = 20
)

// Order describes a key to make.
type Order struct {
	Name   string
	Scopes []access.Scope
	Days   int // until it expires; 0: DefaultDays
	From   []string
}

// Service is what the people in charge can do with API keys.
type Service struct {
	Store  Store
	IDs    *id.Source
	Random io.Reader
	Env    string
}

// Create makes a key and returns it with its text, which is shown once and stored nowhere. No key can do more than the
// person who makes it.
func (s *Service) Create(ctx context.Context, by access.Caller, o Order) (Key, string, error) {
	from, err := o.check()
	if err != nil {
		return Key{}, "", err
	}
	if !access.CanIssue(by.Role, o.Scopes) {
		return Key{}, "", fault.New(fault.CodeScopeAboveOwn, "With the role %q you cannot make a key with these scopes.", by.Role)
	}
	if err := s.room(ctx, by, o.Name); err != nil {
		return Key{}, "", err
	}
	days := o.Days
	if days == 0 {
		days = DefaultDays
	}
	k, text, err := Mint(s.Env, by.Tenant, o.Name, o.Scopes, by.At, time.Duration(days)*24*time.Hour, s.Random)
	if err != nil {
		return Key{}, "", err
	}
	k.From, k.CreatedBy = from, by.Actor
	entry := audit.New(s.IDs, by, audit.KeyCreated, "api-key:"+k.ID, "", "").With("scopes", fmt.Sprint(k.Scopes))
	return k, text, s.Store.PutKey(ctx, k, entry, audit.NoticeOf(s.IDs, entry))
}

// room refuses a key too many.
func (s *Service) room(ctx context.Context, by access.Caller, name string) error {
	all, err := s.Store.Keys(ctx, by.Tenant)
	if err != nil {
		return err
	}
	live, named := 0, 0
	for _, k := range all {
		if k.Live(by.At) {
			live++
			if k.Name == name {
				named++
			}
		}
	}
	if named >= maxOfName {
		return fault.New(fault.CodeKeyLimit, "Two keys named %q are live already: move your client to the newer one and revoke the older.", name)
	}
	if live >= maxLive {
		return fault.New(fault.CodeKeyLimit, "Your organisation has %d live keys, which is the most.", live)
	}
	return nil
}

// List returns all keys, live or not, newest first, without anything secret.
func (s *Service) List(ctx context.Context, by access.Caller) ([]Key, error) {
	all, err := s.Store.Keys(ctx, by.Tenant)
	slices.SortFunc(all, func(a, b Key) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, err
}

// Revoke ends a key. It stops working within Remember.
func (s *Service) Revoke(ctx context.Context, by access.Caller, keyID string) error {
	k, err := s.Store.Key(ctx, by.Tenant, keyID)
	if err != nil {
		return err
	}
	if !k.RevokedAt.IsZero() {
		return Unknown()
	}
	k.RevokedAt = by.At
	entry := audit.New(s.IDs, by, audit.KeyRevoked, "api-key:"+k.ID, "", "")
	return s.Store.Revoke(ctx, k, entry, audit.NoticeOf(s.IDs, entry))
}

// Unknown is the fault for a key that the organisation does not have.
func Unknown() error {
	return fault.New(fault.CodeKeyNotFound, "Your organisation has no such API key.")
}

func (o Order) check() ([]netip.Prefix, error) {
	if err := tenant.CheckName("/name", o.Name); err != nil {
		return nil, err
	}
	var fields []fault.Field
	bad := func(code fault.Code, pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	if len(o.Scopes) == 0 {
		bad(fault.CodeScopeUnknown, "/scopes", "at least one scope")
	}
	for i, scope := range o.Scopes {
		if !slices.Contains(access.Scopes(), scope) || slices.Contains(o.Scopes[:i], scope) {
			bad(fault.CodeScopeUnknown, fmt.Sprintf("/scopes/%d", i), "unknown, or given twice")
		}
	}
	if o.Days < 0 || o.Days > MaxDays {
		bad(fault.CodeValueInvalid, "/days", fmt.Sprintf("from 1 to %d", MaxDays))
	}
	var from []netip.Prefix
	for i, s := range o.From {
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() || i >= maxPrefixes {
			bad(fault.CodeValueInvalid, fmt.Sprintf("/from/%d", i), "a network such as 192.0.2.0/24, at most 20 of them")
			continue
		}
		from = append(from, p)
	}
	if len(fields) > 0 {
		return nil, fault.New(fields[0].Code, "The key cannot be made like this: %s.", fields[0].Detail).With(fields...)
	}
	return from, nil
}
