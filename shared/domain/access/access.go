// Package access decides who may do what: one table from actions to the roles of people and the scopes of machine keys
// that allow them, deny by default.
//
// It does not find out who somebody is (package authentication does) and does not know objects: whether an object
// belongs to the caller is answered by the storage keys, which all begin with the caller's tenant, and by the storage
// itself, which is reached with credentials for that tenant only. What an organisation may do at all while it is suspended
// or leaves is decided by package lifecycle.
package access

import (
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Action is something a route lets a caller do. Every route declares one.
type Action string

// Scope is a permission given to a machine key.
type Scope string

// Role is what a person may do in an organisation.
type Role string

// Kind tells people from machines.
type Kind string

// The kinds of principals.
const (
	Key    Kind = "key"
	Person Kind = "person"
)

// Principal is an authenticated caller.
type Principal struct {
	Tenant  id.Tenant // empty for a person on a route that concerns no organisation
	Kind    Kind
	ID      string // identifier of the key or the person, safe to log
	Scopes  []Scope
	Role    Role
	Door    Door      // of the tenant
	SignIn  time.Time // when the person proved who they are; zero for keys
	Issuer  string    // of the person\'s sign-in
	Subject string    // as Issuer

	Federated    bool   // the person signed in with Google or Microsoft
	SecondFactor bool   // the sign-in used one
	Domain       string // of the mail address that was invited
}

// State is what a tenant may do at all, as its row has it: one of the words of package lifecycle, which alone knows what
// follows from it.
type State string

// The states of a tenant that has not terminated its contract.
const (
	Active    State = "active"
	Suspended State = "suspended"
)

// Door is what a tenant's row says about who may come in. It is read with every request, and without unsealing anything.
type Door struct {
	State     State
	Effective time.Time // when the termination comes or came into force; zero without one
	Halted    bool      // suspended by the operator, also while the state says something else
}

// Actor names the principal in audit entries: "key:<id>" or "person:<id>".
func (p Principal) Actor() string { return string(p.Kind) + ":" + p.ID }

// Caller is on whose behalf, for which request and at which instant a service acts. All writes of one request carry
// the same instant.
type Caller struct {
	Tenant  id.Tenant
	Actor   string // "key:<key id>", "person:<person id>" or "system:<what>"
	Role    Role   // of a person
	Request id.Request
	At      time.Time
}

// FreshFor is how long ago a person may have signed in for an action marked Fresh.
const FreshFor = 5 * time.Minute

// Unauthenticated is the one answer to every credential that is not good, whatever is wrong with it.
func Unauthenticated() *fault.Error {
	return fault.New(fault.CodeUnauthenticated, "A valid API key or access token is required: send it as Authorization: Bearer ….")
}

// Check refuses an action that the principal's role or scopes do not allow. The refusal says what would allow it: a
// scope, a role, or signing in again (RFC 9470).
func Check(p Principal, a Action, at time.Time) error {
	i := slices.IndexFunc(Table(), func(r Rule) bool { return r.Action == a })
	if i < 0 {
		return fault.New(fault.CodeForbidden, "Nobody may do this.")
	}
	rule := Table()[i]
	if rule.Personal {
		if p.Kind != Person {
			return fault.New(fault.CodeForbidden, "This is for people who have signed in; a key may not do it.")
		}
	} else if err := rule.admit(p); err != nil {
		return err
	}
	if rule.Fresh && p.Kind == Person && at.Sub(p.SignIn) > FreshFor {
		return fault.New(fault.CodeReauthenticate, "Sign in again: for this, the last sign-in must be less than five minutes ago.")
	}
	return nil
}

// admit takes the decision for a member or key of a tenant.
func (r Rule) admit(p Principal) error {
	switch p.Kind {
	case Key:
		if !slices.ContainsFunc(r.Scopes, func(s Scope) bool { return slices.Contains(p.Scopes, s) }) {
			if len(r.Scopes) == 0 {
				return fault.New(fault.CodeForbidden, "No key may do this: a person with the role %q has to.", r.Roles[0])
			}
			return fault.New(fault.CodeForbidden, "This key may not do this: it needs the scope %q.", r.Scopes[0])
		}
	case Person:
		if !slices.Contains(r.Roles, p.Role) {
			return fault.New(fault.CodeForbidden, "Your role %q does not allow this; it takes the role %q.", p.Role, r.Roles[len(r.Roles)-1])
		}
	default:
		return fault.New(fault.CodeForbidden, "Nobody may do this.")
	}
	return nil
}
