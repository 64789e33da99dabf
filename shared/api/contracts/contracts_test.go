package contracts_test

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/api/contracts"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
)

// TestSteps holds what each route says of itself: whoever changes something does so in person and just signed in, may
// repeat the request, and sends a body only with the termination; whoever looks changes nothing.
func TestSteps(t *testing.T) {
	for _, tc := range []struct {
		r      httpapi.Route
		reads  bool
		bodied bool
	}{
		{contracts.Show(nil), true, false},
		{contracts.Terminate(nil), false, true},
		{contracts.TakeBack(nil), false, false},
		{contracts.Expedite(nil), false, false},
		{contracts.ConfirmExpedite(nil), false, false},
		{contracts.DropExpedite(nil), false, false},
	} {
		rule, ok := access.Find(tc.r.Action)
		if !ok || rule.Fresh == tc.reads || tc.r.Idempotent == tc.reads || len(tc.r.Body.Types) > 0 != tc.bodied || tc.r.Function != "manage-lifecycle" {
			t.Errorf("%s: %+v", tc.r.Pattern, tc.r)
		}
		if !tc.reads && (len(rule.Roles) != 1 || rule.Roles[0] != access.Owner || len(rule.Scopes) > 0) {
			t.Errorf("%s: others than owners may: %v, %v", tc.r.Pattern, rule.Roles, rule.Scopes)
		}
	}
}
