package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestCapabilities writes the table out once more, as the specification has it: y yes, n no, l with a limit, x no with
// an exception. The columns are active, suspended, scheduled, window, sealed, deleting, active-clear, residual-clear,
// certified.
func TestCapabilities(t *testing.T) {
	want := map[lifecycle.Capability]string{
		lifecycle.Write:        "ynynnnnnn",
		lifecycle.Read:         "yyyynnnnn",
		lifecycle.Export:       "yyyynnnnn",
		lifecycle.Integrate:    "ynynnnnnn",
		lifecycle.NewAccess:    "ynyxnnnnn",
		lifecycle.Recover:      "ynylnnnnn",
		lifecycle.Resolve:      "yyyylllll",
		lifecycle.Leave:        "yynnnnnnn",
		lifecycle.TakeBack:     "nyyynnnnn",
		lifecycle.Follow:       "yyyyyyyyy",
		lifecycle.Arrange:      "yyyynnnnn",
		lifecycle.Destroy:      "lllnxyyyn",
		lifecycle.OperatorHelp: "yyyylllln",
		lifecycle.Personal:     "yyyyyyyyy",
	}
	table := lifecycle.Capabilities()
	if len(table) != len(want) {
		t.Errorf("%d rows, %d are written out here", len(table), len(want))
	}
	for _, row := range table {
		var got strings.Builder
		for i, a := range row.Answers {
			letter := map[bool]map[bool]string{true: {true: "l", false: "y"}, false: {true: "x", false: "n"}}[a.Allowed][a.Limit != ""]
			got.WriteString(letter)
			err := lifecycle.Can(lifecycle.States()[i], row.Capability)
			if (err == nil) != a.Allowed || err != nil && (code(err) != fault.CodeContractStage || fault.Of(err).Kind != fault.Forbidden) {
				t.Errorf("%s in %s: %v", row.Capability, lifecycle.States()[i], err)
			}
		}
		if got.String() != want[row.Capability] {
			t.Errorf("%s: %s, want %s", row.Capability, got.String(), want[row.Capability])
		}
		if row.Means == "" || !strings.HasSuffix(row.Means, ".") {
			t.Errorf("%s is not explained", row.Capability)
		}
	}
	if lifecycle.Can("gone", lifecycle.Read) == nil || lifecycle.Can(lifecycle.Active, "fly") == nil || lifecycle.Can("", "") == nil {
		t.Error("what is unknown is allowed")
	}
}

// TestEveryActionHasACapability fails for a new action until somebody says in which states it is possible.
func TestEveryActionHasACapability(t *testing.T) {
	known := map[lifecycle.Capability]bool{}
	for _, row := range lifecycle.Capabilities() {
		known[row.Capability] = true
	}
	for _, rule := range access.Table() {
		c, ok := lifecycle.Needs(rule.Action)
		if !ok || !known[c] {
			t.Errorf("%s has no capability", rule.Action)
			continue
		}
		if rule.Personal != (c == lifecycle.Personal) {
			t.Errorf("%s takes %s", rule.Action, c)
		}
		changes := !strings.HasSuffix(string(rule.Action), ".read") && rule.Action != access.ExportCreate && c != lifecycle.Arrange && !rule.Personal
		if changes && lifecycle.Can(lifecycle.Suspended, c) == nil {
			t.Errorf("%s changes something and stays possible while suspended", rule.Action)
		}
		if strings.HasSuffix(string(rule.Action), ".read") && lifecycle.Can(lifecycle.Window, c) != nil {
			t.Errorf("%s reads, and is not possible in the window", rule.Action)
		}
	}
	if c, ok := lifecycle.Needs(access.Public); !ok || c != lifecycle.Resolve {
		t.Error("public:", c, ok)
	}
	if _, ok := lifecycle.Needs("unheard.of"); ok {
		t.Error("an unknown action has a capability")
	}
}

// TestRecordCan holds that a termination counts from its instant on, recorded or not, and that the refusal says since
// when.
func TestRecordCan(t *testing.T) {
	r := walk(t)[lifecycle.Scheduled]
	if err := r.Can(lifecycle.Write, r.EffectiveAt.Add(-1)); err != nil {
		t.Error(err)
	}
	err := r.Can(lifecycle.Write, r.EffectiveAt)
	if code(err) != fault.CodeContractStage || !strings.Contains(fault.Of(err).Detail, "since 2026-10-14 15:04:05 UTC") {
		t.Error(err)
	}
	if got := r.At(r.EffectiveAt); got != lifecycle.Window {
		t.Error(got)
	}
	if err := r.Can(lifecycle.NewAccess, r.EffectiveAt); err == nil || !strings.Contains(fault.Of(err).Detail, "owner") {
		t.Error(err)
	}
	for s, r := range walk(t) {
		for _, row := range lifecycle.Capabilities() {
			if s == lifecycle.Scheduled {
				continue
			}
			if a, b := r.Can(row.Capability, begin().AddDate(1, 0, 0)), lifecycle.Can(s, row.Capability); (a == nil) != (b == nil) {
				t.Errorf("%s in %s: %v for the record, %v for the state", row.Capability, s, a, b)
			}
		}
	}
}

func TestUntil(t *testing.T) {
	all := walk(t)
	w := all[lifecycle.Window]
	later, _, err := lifecycle.Terminate(lifecycle.New(tenantID, lifecycle.Current()), ann(), ask(begin().Add(10*day)), begin())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    lifecycle.Record
		c    lifecycle.Capability
		want time.Time
	}{
		{all[lifecycle.Active], lifecycle.Write, time.Time{}},
		{later, lifecycle.Write, begin().Add(10 * day)},
		{later, lifecycle.Export, later.Deadlines().NotBefore},
		{w, lifecycle.Export, w.Deadlines().NotBefore},
		{w, lifecycle.TakeBack, w.Deadlines().NotBefore},
		{w, lifecycle.Follow, time.Time{}},
		{w, lifecycle.Resolve, time.Time{}},
		{all[lifecycle.Sealed], lifecycle.Follow, time.Time{}},
	} {
		if got := c.r.Until(c.c); !got.Equal(c.want) {
			t.Errorf("%s in %s until %s, want %s", c.c, c.r.State, got, c.want)
		}
	}
}
