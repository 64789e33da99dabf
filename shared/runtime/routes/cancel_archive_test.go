package routes_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// nth does something at the n-th call of an engine, before or after that was carried out.
type nth struct {
	sync.Mutex
	left  int
	after bool
	do    func()
	calls int
}

func (n *nth) arm(at int, after bool, do func()) {
	n.Lock()
	defer n.Unlock()
	n.left, n.after, n.do, n.calls = at, after, do, 0
}

// due counts a call. What it does may call the engines itself, and is not counted.
func (n *nth) due() (now bool, after bool, do func()) {
	n.Lock()
	defer n.Unlock()
	n.calls++
	n.left--
	return n.left == 0, n.after, n.do
}

func (n *nth) Do(r *http.Request) (*http.Response, error) {
	now, after, do := n.due()
	if now && !after {
		do()
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if now && after {
		do()
	}
	return resp, err
}

// TestArchiveCancelledInTheMiddle cancels the import of an archive at calls that its runner makes, while it is checked and
// while it is stored, before and after they were carried out: it ends as cancelled or done, its file is gone, its account
// is true but for the block in hand, nobody complains, and the archive can be brought again and is then whole.
func TestArchiveCancelledInTheMiddle(t *testing.T) {
	stop := &nth{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true, HTTP: stop})
	const passports = 60 // in blocks of 50
	_, owner := k.Organisation(t, "owner", "Before")
	k.ImportAll(t)
	var serials []string
	for n := range passports {
		serials = append(serials, fmt.Sprint("A", n))
	}
	more := `,"productGroup":"general","granularity":"item","recipe":` + chairRecipe
	if done := committed(t, k, owner, announced(t, k, owner, "csv", more, []byte(chairs(serials...)))); totals(t, done, "commit", "created") != passports {
		t.Fatalf("%v", done)
	}
	for _, p := range answer(t, k.Do(t, "GET", "/v1/passports?limit=3", owner, ""), 200)["items"].([]any) {
		one := p.(map[string]any)["id"].(string)
		k.Publish(t, owner, one)
		add(t, k, owner, "/v1/passports/"+one, "?name=Paper&kind=other&audience=public", "text/plain", "a paper")
	}
	k.Clock.Advance(time.Second)
	file, before := exported(t, k, owner, `{"scope":"workspace"}`)
	serial := 0
	// try brings the archive into an organisation of its own, and cancels it at a call. It returns how many calls there were.
	try := func(t *testing.T, phase string, at int, after bool) int {
		serial++
		who := fmt.Sprint("heir", serial)
		_, heir := k.Organisation(t, who, who)
		made := answer(t, k.Do(t, "POST", "/v1/imports", heir, fmt.Sprintf(`{"format":"archive","size":%d,"sha256":"%x"}`, len(file), sha256.Sum256(file))), 201)
		one := "/v1/imports/" + made["id"].(string)
		form := made["upload"].(map[string]any)
		k.Send(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), file)
		if phase == "commit" {
			k.ImportAll(t)
			answer(t, k.Do(t, "POST", one+"/commit", heir, ""), 202)
		}
		all := k.Arrivals("")
		cancel := func() { expect(t, k, 204, "", "DELETE", one, heir, "") }
		stop.arm(at, after, cancel)
		deliver(t, k, all)
		calls := stop.calls
		stop.arm(0, false, nil)
		if calls < at { // a transaction that is not tried twice is a call less
			cancel()
		}
		k.ImportAll(t)
		got := answer(t, k.Do(t, "GET", one, heir, ""), 200)
		stored := 0
		for next := ""; ; {
			list := answer(t, k.Do(t, "GET", "/v1/passports?limit=100"+next, heir, ""), 200)
			stored += len(list["items"].([]any))
			token, more := list["next"].(string)
			if !more {
				break
			}
			next = "&after=" + token
		}
		restored := int(got["restored"].(float64))
		switch {
		case at == 0:
			return calls
		case got["state"] == "cancelled" && phase == "check" && stored == 0:
		case got["state"] == "cancelled" && phase == "commit" && restored <= stored && stored <= restored+50:
		case got["state"] == "done" && phase == "commit" && stored == passports && restored == passports:
		default:
			t.Errorf("%v with %d passports stored", got, stored)
		}
		if left := lying(t, k, "UPLOADS_BUCKET"); slices.ContainsFunc(left, func(s string) bool {
			return strings.HasPrefix(s, "uploads/") && strings.Contains(s, made["id"].(string))
		}) {
			t.Errorf("there is %v", left)
		}
		said := 0
		for _, e := range answer(t, k.Do(t, "GET", "/v1/audit?object=import:"+made["id"].(string), heir, ""), 200)["items"].([]any) {
			if e.(map[string]any)["event"] == "import.cancelled" {
				said++
			}
		}
		if cancelled := got["state"] == "cancelled"; cancelled != (said == 1) || said > 1 {
			t.Errorf("%v, and the trail says %d times that it was cancelled", got["state"], said)
		}
		k.Clock.Advance(3 * time.Minute)
		if due := tend(t, k); len(due) != 0 {
			t.Errorf("still due: %v", due)
		}
		heir = k.SignIn(t, who)
		again := committed(t, k, heir, uploaded(t, k, heir, file))
		if again["state"] != "done" || again["restored"].(float64)+again["present"].(float64) != passports || int(again["present"].(float64)) != stored {
			t.Errorf("with %d stored, again: %v", stored, again)
		}
		_, now := exported(t, k, heir, `{"scope":"workspace"}`)
		for _, folder := range []string{"passports/", "versions/"} {
			if d := cmp.Diff(comparable(lines(t, before, folder)), comparable(lines(t, now, folder))); d != "" {
				t.Errorf("%s: %s", folder, d)
			}
		}
		if d := cmp.Diff(papers(t, before), papers(t, now)); d != "" {
			t.Errorf("documents: %s", d)
		}
		return calls
	}
	for _, phase := range []string{"check", "commit"} {
		calls := try(t, phase, 0, false)
		t.Logf("%s: %d calls", phase, calls)
		for n := range 8 {
			at, after := 1+n*(calls-1)/7, n%2 == 0
			t.Run(fmt.Sprintf("%s at call %d of %d, carried out: %v", phase, at, calls, after), func(t *testing.T) { try(t, phase, at, after) })
		}
	}
}
