package access_test

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestCheck writes the permission table out: every action with every scope.
func TestCheck(t *testing.T) {
	allowed := map[access.Action]map[access.Scope]bool{
		access.PassportRead:     {access.ScopeRead: true, access.ScopeWrite: true, access.ScopePublish: true},
		access.PassportWrite:    {access.ScopeWrite: true},
		access.PassportPublish:  {access.ScopePublish: true},
		access.ProductGroupRead: {access.ScopeRead: true, access.ScopeWrite: true, access.ScopePublish: true},
		access.Public:           {}, // asks for no identity; nobody needs to be allowed it
		"unheard.of":            {},
	}
	for action, scopes := range allowed {
		for _, s := range append(access.Scopes(), "passports:everything", "") {
			err := access.Check(access.Principal{Scopes: []access.Scope{s}}, action)
			if (err == nil) != scopes[s] || err != nil && fault.Of(err).Kind != fault.Forbidden {
				t.Errorf("%s with %q: %v", action, s, err)
			}
		}
		if access.Check(access.Principal{}, action) == nil {
			t.Errorf("%s is allowed without any scope", action)
		}
	}
}
