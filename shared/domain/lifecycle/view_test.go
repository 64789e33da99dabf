package lifecycle_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

func law(t testing.TB) lifecycle.Law {
	t.Helper()
	l, err := lifecycle.LoadLaw()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestView reads the view of each state as an owner would.
func TestView(t *testing.T) {
	until := at(t, "2057-06-01T00:00:00Z")
	tally := []lifecycle.Tally{
		{Kind: lifecycle.Custody, Group: "battery", Count: 12, Until: until}, {Kind: lifecycle.HandedOver, Group: "battery", Count: 3, Until: until},
		{Kind: lifecycle.Ceased, Group: "battery", Count: 2}, {Kind: lifecycle.Deleted, Group: "general", Count: 40}, {Kind: lifecycle.Custody, Group: "unknown", Count: 1},
	}
	held := hold(t, lifecycle.Scope{Kind: lifecycle.ScopePassport, Passport: passport}, begin())
	held.Basis.Case = "12/26 secret"
	for s, c := range map[lifecycle.State]struct {
		instants string
		next     string
		may      []lifecycle.Capability
	}{
		lifecycle.Active:    {"", "contract runs", []lifecycle.Capability{"write", "read", "export", "integrate", "new-access", "recover", "resolve", "terminate", "arrange", "follow", "operator-access"}},
		lifecycle.Suspended: {"", "starts no deletion", []lifecycle.Capability{"read", "export", "resolve", "terminate", "reinstate", "arrange", "follow", "operator-access"}},
		lifecycle.Window: {"noticed effective windowEnds activeBy residualBy", "2026-11-14 12:00:00 UTC",
			[]lifecycle.Capability{"read", "export", "recover", "resolve", "reinstate", "arrange", "follow", "operator-access"}},
		lifecycle.Sealed:        {"noticed effective windowEnds sealed drained activeBy residualBy", "legal hold", []lifecycle.Capability{"resolve", "follow", "operator-access"}},
		lifecycle.Deleting:      {"noticed effective windowEnds sealed drained deletionBegan firstVerified secondVerified activeBy residualBy", "legal hold", []lifecycle.Capability{"resolve", "follow", "operator-access"}},
		lifecycle.ActiveClear:   {"noticed effective windowEnds sealed drained deletionBegan firstVerified secondVerified activeClear activeBy residualBy", "legal hold", []lifecycle.Capability{"resolve", "follow", "operator-access"}},
		lifecycle.ResidualClear: {"noticed effective windowEnds sealed drained deletionBegan firstVerified secondVerified activeClear activeBy residualClear residualBy", "legal hold", []lifecycle.Capability{"resolve", "follow", "operator-access"}},
		lifecycle.Certified:     {"noticed effective windowEnds sealed drained deletionBegan firstVerified secondVerified activeClear activeBy residualClear residualBy certified", "complete", []lifecycle.Capability{"resolve", "follow"}},
	} {
		r := walk(t)[s]
		v := lifecycle.Show(r, lifecycle.Context{Owners: 1, Holds: []lifecycle.Hold{held}, Tally: tally, Law: law(t)}, begin().Add(2*day))
		var names []string
		for _, i := range v.Instants {
			names = append(names, i.Name)
			if i.Reached != !i.At.After(begin().Add(2*day)) || i.Means == "" {
				t.Errorf("%s: %+v", s, i)
			}
		}
		if got := strings.Join(names, " "); got != c.instants {
			t.Errorf("%s: instants %s", s, got)
		}
		var may []lifecycle.Capability
		for _, p := range v.May {
			may = append(may, p.Capability)
		}
		if diff := cmp.Diff(c.may, may); diff != "" {
			t.Errorf("%s: %s", s, diff)
		}
		if len(v.May)+len(v.MayNot)+2 != len(lifecycle.Capabilities()) || !strings.Contains(v.Next, c.next) || v.State != s || v.Policy != "2026-10" {
			t.Errorf("%s: %+v", s, v)
		}
		if len(v.Kept) != 3+1+len(law(t).Kept) || v.Kept[0].Act != "Regulation (EU) 2023/1542" || !v.Kept[0].Until.Equal(until) || !strings.Contains(v.Kept[0].What, "12 passports") {
			t.Errorf("%s: kept %+v", s, v.Kept)
		}
		if text, err := json.Marshal(v); err != nil || strings.Contains(string(text), "secret") || strings.Contains(string(text), "0001-01-01") {
			t.Errorf("%s: %s %v", s, text, err)
		}
	}
}

// TestViewOfScheduled holds that the window is shown from its instant on, and until when each thing is possible.
func TestViewOfScheduled(t *testing.T) {
	r, _, err := lifecycle.Terminate(lifecycle.New(tenantID, lifecycle.Current()), ann(), ask(begin().Add(10*day)), begin())
	if err != nil {
		t.Fatal(err)
	}
	v := lifecycle.Show(r, lifecycle.Context{Owners: 2, Law: law(t)}, begin())
	i := slices.IndexFunc(v.May, func(p lifecycle.Permission) bool { return p.Capability == lifecycle.Write })
	if v.State != lifecycle.Scheduled || i < 0 || !v.May[i].Until.Equal(r.EffectiveAt) || !strings.Contains(v.Next, "cancel") {
		t.Errorf("%+v", v)
	}
	v = lifecycle.Show(r, lifecycle.Context{Owners: 2, Law: law(t)}, r.EffectiveAt)
	if v.State != lifecycle.Window || !strings.Contains(v.Next, "window closes") || !slices.ContainsFunc(v.MayNot, func(p lifecycle.Permission) bool { return p.Capability == lifecycle.Write }) {
		t.Errorf("%+v", v)
	}
}

// TestNextWithoutHolds reads what is said about the deletion when nothing stands against it.
func TestNextWithoutHolds(t *testing.T) {
	for s, says := range map[lifecycle.State]string{
		lifecycle.Sealed: "The deletion begins at ", lifecycle.Deleting: "by 2026-12-13 15:04:05 UTC",
		lifecycle.ActiveClear: "by 2027-01-12 15:04:05 UTC", lifecycle.ResidualClear: "being signed",
	} {
		if v := lifecycle.Show(walk(t)[s], lifecycle.Context{}, begin()); !strings.Contains(v.Next, says) {
			t.Errorf("%s: %s", s, v.Next)
		}
	}
}

func TestViewOfEarlyEnd(t *testing.T) {
	r, _, err := lifecycle.Expedite(walk(t)[lifecycle.Window], ann(), begin().Add(day))
	if err != nil {
		t.Fatal(err)
	}
	for owners, says := range map[int]string{1: "make somebody else an owner", 2: "Another owner has to confirm"} {
		if v := lifecycle.Show(r, lifecycle.Context{Owners: owners}, begin().Add(day)); v.Expedited == nil || !strings.Contains(v.Expedited.Next, says) {
			t.Errorf("%d owners: %+v", owners, v.Expedited)
		}
	}
	r, _, err = lifecycle.ConfirmExpedite(r, bob(), begin().Add(day))
	if v := lifecycle.Show(r, lifecycle.Context{Owners: 2}, begin().Add(day)); err != nil || !strings.Contains(v.Expedited.Next, "2026-10-18 15:04:05 UTC") || v.May[1].Capability != lifecycle.Export || !v.May[1].Until.Equal(begin().Add(4*day)) {
		t.Errorf("%+v %v", v, err)
	}
}

// TestSlack follows a deletion from T0: what is left, what is projected, and what a hold stops.
func TestSlack(t *testing.T) {
	all := walk(t)
	w := all[lifecycle.Window]
	s := w.Slacks(nil, 10*hour, w.T0)
	closes := w.Deadlines().NotBefore
	want := []lifecycle.Slack{
		{Phase: lifecycle.PhaseWindow, By: closes, Left: closes.Sub(w.T0), Finish: closes},
		{Phase: lifecycle.PhaseActive, By: w.T0.Add(60 * day), Left: 60 * day, Finish: closes.Add(25*hour + 10*hour + 24*hour)},
		{Phase: lifecycle.PhaseResidual, By: w.T0.Add(90 * day), Left: 90 * day, Finish: closes.Add(59*hour + 28*day + 8*hour)},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	for _, x := range s {
		if x.Late() {
			t.Errorf("late at T0: %+v", x)
		}
	}
	if s := w.Slacks(nil, 40*day, w.T0); !s[1].Late() || !s[2].Late() || s[0].Late() {
		t.Error("a sweep of 40 days is not seen to be late")
	}
	d := all[lifecycle.Deleting]
	if s := d.Slacks(nil, 0, d.T0.Add(61*day)); !s[1].Late() || s[1].Left != -day {
		t.Errorf("a day over: %+v", s[1])
	}
	held := hold(t, lifecycle.Scope{Kind: lifecycle.ScopeTenant}, begin())
	if s := d.Slacks([]lifecycle.Hold{held}, 0, d.T0.Add(61*day)); !s[1].Held || s[1].Late() {
		t.Errorf("held: %+v", s[1])
	}
	released, err := held.Release("person:x", d.T0.Add(100*day))
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Slacks([]lifecycle.Hold{released}, 0, d.T0.Add(101*day)); s[1].Left != 29*day || s[2].Left != 59*day || s[1].Late() {
		t.Errorf("released: %+v", s)
	}
	c := all[lifecycle.Certified]
	for _, x := range c.Slacks(nil, 0, c.T0.AddDate(5, 0, 0)) {
		if x.Late() || x.Done.IsZero() || !x.Finish.Equal(x.Done) || x.Phase != lifecycle.PhaseWindow && x.Left <= 0 {
			t.Errorf("done in time: %+v", x)
		}
	}
	if s := all[lifecycle.Active].Slacks(nil, 0, time.Time{}); s != nil {
		t.Errorf("active: %+v", s)
	}
}
