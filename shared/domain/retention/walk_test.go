package retention_test

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

func TestWalk(t *testing.T) {
	w := found(t)
	leaver, stayer := w.tenant(1, 7, true), w.tenant(2, 7, false)
	before := w.rows(stayer)
	w.comes(leaver, lifecycle.ActiveClear)
	if w.now.After(w.lives.all[leaver].Record.T0.Add(37 * day)) {
		t.Errorf("clear at %s, after our own aim", w.now)
	}
	w.comes(leaver, lifecycle.ResidualClear)
	if w.rows(leaver) != 0 || w.rows(stayer) != before || len(w.early) > 0 {
		t.Errorf("%d rows left, %d of %d of the other tenant, early: %v", w.rows(leaver), w.rows(stayer), before, w.early)
	}
}
