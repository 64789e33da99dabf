// Package access decides who may do what: one table from actions to the scopes that allow them, deny by default.
//
// It does not find out who somebody is (package apikey does) and does not know objects: whether an object belongs to
// the caller is answered by the storage keys, which all begin with the caller's tenant.
package access

import (
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Action is something a route lets a caller do. Every route declares one.
type Action string

// The actions.
const (
	Public           Action = "public" // open to everybody, no identity asked
	PassportRead     Action = "passport.read"
	PassportWrite    Action = "passport.write"
	PassportPublish  Action = "passport.publish" // publish, suspend, archive: what the world sees changes
	ProductGroupRead Action = "product-group.read"
)

// Scope is a permission given to a machine key.
type Scope string

// The scopes.
const (
	ScopeRead    Scope = "passports:read"
	ScopeWrite   Scope = "passports:write"
	ScopePublish Scope = "passports:publish"
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopePublish} }

// Principal is an authenticated caller.
type Principal struct {
	Tenant id.Tenant
	ID     string // identifier of the key, safe to log
	Scopes []Scope
}

// Caller is on whose behalf, for which request and at which instant a service acts. All writes of one request carry
// the same instant.
type Caller struct {
	Tenant  id.Tenant
	Actor   string // "key:<key id>"
	Request id.Request
	At      time.Time
}

// Rule is one row of the permission table.
type Rule struct {
	Action Action
	Scopes []Scope // any one of them suffices
}

// Table is the permission table. An action without a row is refused to everybody.
func Table() []Rule {
	return []Rule{
		{PassportRead, []Scope{ScopeRead, ScopeWrite, ScopePublish}},
		{PassportWrite, []Scope{ScopeWrite}},
		{PassportPublish, []Scope{ScopePublish}},
		{ProductGroupRead, []Scope{ScopeRead, ScopeWrite, ScopePublish}},
	}
}

// Check refuses an action that none of the principal's scopes allows, with a forbidden fault that names a scope that
// would.
func Check(p Principal, a Action) error {
	for _, rule := range Table() {
		if rule.Action != a {
			continue
		}
		for _, s := range rule.Scopes {
			if slices.Contains(p.Scopes, s) {
				return nil
			}
		}
		return fault.New(fault.CodeForbidden, "This key may not do this: it needs the scope %q.", rule.Scopes[0])
	}
	return fault.New(fault.CodeForbidden, "Nobody may do this.")
}
