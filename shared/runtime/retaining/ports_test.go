package retaining_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// stops calls do in a process of its own that stops at its first call of an engine, at its second, and so on, until one
// gets through. What was refused must be an error each time.
func stops(t *testing.T, k *testkit.Kit, s *testkit.Saboteur, do func(tick *retention.Tick) error) {
	t.Helper()
	for n := int64(1); ; n++ {
		tick := retaining.Tick(k.Process().App)
		s.Arm(n, n%2 == 0)
		err := do(tick)
		calls := s.Calls()
		s.Arm(0, false)
		if calls < n {
			if err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				t.Fatal("no call was made")
			}
			return
		}
		if err == nil {
			t.Errorf("call %d was refused, and nobody says so", n)
		}
	}
}

// TestProvesOnTheEngines asks the log of a tenant before its contract ends, before the end is signed, after that, and when
// it has been taken back.
func TestProvesOnTheEngines(t *testing.T) {
	s := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: s, Routes: routes.All})
	k.Issuer.AddUser("anna", "user-anna")
	tenant, _ := k.Organisation(t, "anna", "Nordeiche")
	other, _ := k.Tenant(t, "Other")
	sequencer := auditing.Jobs(k.App.App)[0]
	as := k.AsFunction("run-retention-tick")
	prove := func(of id.Tenant) *lifecycle.LogProof {
		t.Helper()
		p, err := retaining.Tick(k.Process().App).Prover.Prove(as, lifecycle.Record{Tenant: of})
		if err != nil {
			t.Fatal(err, k.Gate().Denials())
		}
		return p
	}
	settle := func() {
		t.Helper()
		k.Clock.Advance(5 * time.Minute)
		if err := sequencer.Run(k.AsFunction(sequencer.Function), k.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if p := prove(tenant); p != nil {
		t.Errorf("without a log: %+v", p)
	}
	settle()
	if p := prove(tenant); p != nil {
		t.Errorf("nobody has ended it: %+v", p)
	}
	k.Clock.Advance(time.Minute)
	if w := k.Do(t, "POST", "/v1/tenant/termination", k.SignIn(t, "anna"), `{"confirmation":"Nordeiche"}`); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	t0 := k.Clock.Now()
	if p := prove(tenant); p != nil {
		t.Errorf("not signed yet: %+v", p)
	}
	settle()
	p := prove(tenant)
	if p == nil || p.Event != lifecycle.EventTerminated || p.Tenant != tenant || !p.At.Equal(t0) || p.SignedAt.Before(t0) || p.SignedAt.After(k.Clock.Now()) || p.Withdrawn {
		t.Fatalf("the end at %s is proven by %+v", t0, p)
	}
	stops(t, k, s, func(tick *retention.Tick) error {
		again, err := tick.Prover.Prove(as, lifecycle.Record{Tenant: tenant})
		if err == nil && *again != *p || err != nil && again != nil {
			t.Errorf("%+v, %v", again, err)
		}
		return err
	})
	if p := prove(other); p != nil {
		t.Errorf("of somebody else: %+v", p)
	}
	if w := k.Do(t, "DELETE", "/v1/tenant/termination", k.SignIn(t, "anna"), ""); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	settle()
	if p := prove(tenant); p == nil || !p.Withdrawn {
		t.Errorf("taken back: %+v", p)
	}
}

// TestTurnsKeysOff turns the keys of one tenant off, two of them: they neither seal nor open any more, but for the
// custodian, and those of another do.
func TestTurnsKeysOff(t *testing.T) {
	s := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: s})
	tenant, _ := k.Tenant(t, "Nordeiche")
	other, _ := k.Tenant(t, "Other")
	if err := dynamo.NewDataKeys(k.App.Database()).Add(t.Context(), tenant, wrappedAgain(t, k, tenant)); err != nil {
		t.Fatal(err)
	}
	seal := func(of id.Tenant) []byte {
		t.Helper()
		b, err := k.Process().Stores().Ring.Seal(t.Context(), of, "here", []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed, theirs := seal(tenant), seal(other)
	as := k.AsFunction("run-retention-tick")
	stops(t, k, s, func(tick *retention.Tick) error { return tick.Switch.Disable(as, tenant) })
	for range 2 { // once more changes nothing
		ring := k.Process().Stores().Ring
		if _, err := ring.Open(t.Context(), tenant, "here", sealed); fault.Of(err).Code != fault.CodeContractStage {
			t.Errorf("it opens: %v", err)
		}
		if _, err := ring.Seal(t.Context(), tenant, "here", nil); fault.Of(err).Code != fault.CodeContractStage {
			t.Errorf("it seals: %v", err)
		}
		c := k.App.Config()
		wrap := kms.Open[id.Tenant](k.App.AWS(), c.KMSEndpoint, c.TenantKeyARN, kms.Tenants, httpapi.Count)
		custodian := keyring.New(dynamo.NewCustodyKeys(k.App.Database()), wrap, k.Clock.Now)
		if b, err := custodian.Open(t.Context(), tenant, "here", sealed); err != nil || string(b) != "content" {
			t.Errorf("the custodian reads %q, %v", b, err)
		}
		if b, err := ring.Open(t.Context(), other, "here", theirs); err != nil || string(b) != "content" {
			t.Errorf("somebody else reads %q, %v", b, err)
		}
		if err := retaining.Tick(k.Process().App).Switch.Disable(as, tenant); err != nil {
			t.Fatal(err)
		}
	}
	nobody := id.New[id.Tenant](id.NewSource(k.Clock.Now, k.App.Stores().Random))
	if err := retaining.Tick(k.Process().App).Switch.Disable(as, nobody); err != nil {
		t.Errorf("without keys: %v", err)
	}
}

// wrappedAgain is a tenant's key as its second version.
func wrappedAgain(t *testing.T, k *testkit.Kit, of id.Tenant) keyring.Wrapped {
	t.Helper()
	w, err := dynamo.NewDataKeys(k.App.Database()).Newest(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	w.Version++
	return w
}

// refusing is a network on which no mail to one address gets through.
type refusing struct{ to string }

// Do implements aws.HTTPClient.
func (r *refusing) Do(asked *http.Request) (*http.Response, error) {
	if r.to != "" && strings.HasSuffix(asked.URL.Path, "/outbound-emails") {
		b, err := io.ReadAll(asked.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(b, []byte(r.to)) {
			return nil, errors.New("the connection was reset")
		}
		asked.Body = io.NopCloser(bytes.NewReader(b))
	}
	return http.DefaultTransport.RoundTrip(asked)
}

// TestTellsOwners holds that each owner gets a message once, and nobody else, whoever of them cannot be reached at first.
func TestTellsOwners(t *testing.T) {
	r := &refusing{}
	k := testkit.Open(t, testkit.Options{HTTP: r, Routes: routes.All})
	for _, who := range []string{"anna", "bert", "vera", "carl"} {
		k.Issuer.AddUser(who, "user-"+who)
	}
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "bert", "owner")
	k.Join(t, anna, "vera", "viewer")
	other, _ := k.Organisation(t, "carl", "Other")
	as := k.AsFunction("run-retention-tick")
	before := mails(t, k, "")
	reached := 0
	tell := func(of id.Tenant, key, subject string) (err error) {
		reached, err = retaining.Tick(k.Process().App).Herald.Tell(as, of, key, retention.Message{Subject: subject, Text: "text"})
		return err
	}
	r.to = "bert@nordeiche.example"
	for range 2 {
		if err := tell(tenant, "first", "One"); err == nil || reached != 1 {
			t.Errorf("bert could not be reached, and nobody says so: %d were, %v", reached, err)
		}
	}
	if got := mails(t, k, "One"); !slices.Equal(got, []string{"anna@nordeiche.example"}) {
		t.Errorf("without bert it went to %q", got)
	}
	r.to = ""
	for range 2 {
		if err := tell(tenant, "first", "One"); err != nil || reached != 2 {
			t.Fatal(reached, err, k.Gate().Denials())
		}
		if got := mails(t, k, "One"); !slices.Equal(got, []string{"anna@nordeiche.example", "bert@nordeiche.example"}) {
			t.Errorf("it went to %q", got)
		}
	}
	if err := tell(tenant, "second", "Two"); err != nil { // another key is another message
		t.Fatal(err)
	}
	if err := tell(other, "first", "Other"); err != nil { // the same key, of somebody else
		t.Fatal(err)
	}
	if two, theirs := mails(t, k, "Two"), mails(t, k, "Other"); len(two) != 2 || !slices.Equal(theirs, []string{"carl@nordeiche.example"}) {
		t.Errorf("the second to %q, that of somebody else to %q", two, theirs)
	}
	nobody := id.New[id.Tenant](id.NewSource(k.Clock.Now, k.App.Stores().Random))
	if err := tell(nobody, "first", "Nobody"); err != nil || len(mails(t, k, "")) != len(before)+5 {
		t.Errorf("%d mails in all, before %d: %v", len(mails(t, k, "")), len(before), err)
	}
}

// mails are the addresses that got a mail of this subject, sorted; "" for all.
func mails(t *testing.T, k *testkit.Kit, subject string) (to []string) {
	t.Helper()
	all, err := k.Mail.Messages()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if subject == "" || m.Subject == subject {
			to = append(to, m.To...)
		}
	}
	slices.Sort(to)
	return to
}

// TestTellsThoughItStops holds that a message gets to every owner however often the process is stopped, and that the error
// says so each time it did not.
func TestTellsThoughItStops(t *testing.T) {
	s := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: s, Routes: routes.All})
	k.Issuer.AddUser("anna", "user-anna")
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "bert", "owner")
	as := k.AsFunction("run-retention-tick")
	stops(t, k, s, func(tick *retention.Tick) error {
		_, err := tick.Herald.Tell(as, tenant, "first", retention.Message{Subject: "One", Text: "text"})
		return err
	})
	if got := slices.Compact(mails(t, k, "One")); len(got) != 2 {
		t.Errorf("it went to %q", got)
	}
}

// TestRunningExports holds which exports keep the window open: those that were asked for before its end and are not through,
// and until when those count that got through after it.
func TestRunningExports(t *testing.T) {
	s := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: s})
	end := k.Clock.Now()
	ids, store := id.NewSource(k.Clock.Now, k.App.Stores().Random), dynamo.NewExports(k.App.Database())
	other, _ := k.Tenant(t, "Other")
	put := func(of id.Tenant, state export.State, asked, ready time.Duration) {
		t.Helper()
		e := export.Export{ID: id.New[id.Export](ids), Tenant: of, State: state, RequestedAt: end.Add(asked)}
		if ready != 0 {
			e.ReadyAt = end.Add(ready)
		}
		by := access.Caller{Tenant: of, Actor: "person:a", Request: id.New[id.Request](ids), At: end}
		if err := store.Create(t.Context(), e, audit.New(ids, by, audit.ExportRequested, "export:"+string(e.ID), "", "")); err != nil {
			t.Fatal(err)
		}
	}
	put(other, export.Running, -time.Hour, 0)
	as := k.AsFunction("run-retention-tick")
	type one struct {
		state        export.State
		asked, ready time.Duration
	}
	for _, tc := range []struct {
		name    string
		have    []one
		running bool
		done    time.Duration // after the end of the window; 0: none
	}{
		{"none", nil, false, 0},
		{"queued", []one{{export.Queued, -time.Hour, 0}}, true, 0},
		{"running", []one{{export.Running, -time.Hour, 0}}, true, 0},
		{"asked for at the end", []one{{export.Running, 0, 0}}, true, 0},
		{"asked for after it", []one{{export.Running, time.Second, 0}, {export.Ready, time.Second, time.Hour}}, false, 0},
		{"ready before it", []one{{export.Ready, -2 * time.Hour, -time.Hour}}, false, 0},
		{"ready after it", []one{{export.Ready, -time.Hour, time.Hour}}, false, time.Hour},
		{"the last of several", []one{{export.Ready, -time.Hour, time.Hour}, {export.Ready, -time.Minute, 3 * time.Hour}, {export.Ready, -time.Second, 2 * time.Hour}}, false, 3 * time.Hour},
		{"one ready, one running", []one{{export.Running, -time.Hour, 0}, {export.Ready, -time.Hour, time.Hour}}, true, time.Hour},
		{"given up", []one{{export.Failed, -time.Hour, 0}}, false, 0},
		{"deleted after it was ready", []one{{export.Deleted, -time.Hour, time.Hour}}, false, time.Hour},
	} {
		tenant, _ := k.Tenant(t, tc.name)
		for _, o := range tc.have {
			put(tenant, o.state, o.asked, o.ready)
		}
		stops(t, k, s, func(tick *retention.Tick) error {
			running, done, err := tick.Exports.Running(as, tenant, end)
			want := time.Time{}
			if tc.done != 0 {
				want = end.Add(tc.done)
			}
			if err == nil && (running != tc.running || !done.Equal(want)) {
				t.Errorf("%s: %t, %s", tc.name, running, done)
			}
			return err
		})
	}
}
