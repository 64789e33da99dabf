package routes_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/bringing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// interruption does something when the n-th block of a report is stored, before or after that.
type interruption struct {
	phase string
	left  int
	after bool
	do    func()
}

func (i *interruption) Do(r *http.Request) (*http.Response, error) {
	block := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/"+i.phase+"/") && strings.HasSuffix(r.URL.Path, ".ndjson")
	if block {
		i.left--
	}
	now := block && i.left == 0
	if now && !i.after {
		i.do()
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if now && i.after {
		i.do()
	}
	return resp, err
}

// TestCancelledInTheMiddle cancels an import of a table at each block of its report, before and after that is stored, and
// between two calls of the runner: it ends as cancelled, its report is a table of the rows up to there, the file is gone,
// what the report says was stored is stored, and the same file can be brought again.
func TestCancelledInTheMiddle(t *testing.T) {
	const rows = 250 // in blocks of 100
	var serials []string
	for n := range rows {
		serials = append(serials, fmt.Sprint("C", n))
	}
	file := []byte(chairs(serials...))
	more := `,"productGroup":"general","granularity":"item","recipe":` + chairRecipe
	stop := &interruption{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: stop})
	serial := 0
	for _, phase := range []string{"check", "commit"} {
		for _, c := range []struct {
			name  string
			block int // of the report, from 1; 0 for between two calls
			after bool
		}{{"before the first block", 1, false}, {"after the first block", 1, true}, {"before the second block", 2, false}, {"after the last block", 3, true}, {"between two calls", 0, false}} {
			t.Run(phase+" "+c.name, func(t *testing.T) {
				serial++
				who := fmt.Sprint("anna", serial)
				tenant, anna := k.Organisation(t, who, who)
				made := answer(t, k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":"csv","size":%d,"sha256":"%x"%s}`, len(file), sha256.Sum256(file), more)), 201)
				one := "/v1/imports/" + made["id"].(string)
				form := made["upload"].(map[string]any)
				k.Send(t, "PUT", form["url"].(string), form["headers"].(map[string]any), file)
				if phase == "commit" {
					k.ImportAll(t)
					answer(t, k.Do(t, "POST", one+"/commit", anna, ""), 202)
				}
				cancel := func() {
					stop.left = 0
					for range 2 { // the second changes nothing
						expect(t, k, 204, "", "DELETE", one, anna, "")
					}
				}
				if c.block == 0 {
					runner := bringing.New(k.App, k.Env["UPLOADS_BUCKET"]).Within(0)
					k.Arrivals("")
					if err := runner.Run(k.AsFunction("run-import"), tenant, id.Import(made["id"].(string))); err != nil {
						t.Fatal(err)
					}
					k.Arrivals("") // and the next call is lost
					cancel()
				}
				*stop = interruption{phase, c.block, c.after, cancel}
				k.ImportAll(t)
				if stop.left > 0 {
					t.Fatal("the report has no such block")
				}
				k.Clock.Advance(3 * time.Minute)
				deliver(t, k, tend(t, k))
				anna = k.SignIn(t, who)
				got := answer(t, k.Do(t, "GET", one, anna, ""), 200)
				if got["state"] != "cancelled" {
					t.Fatalf("%v", got)
				}
				reported, want := 0, min(max(c.block, 1)*100, rows)
				if link, _ := got["reports"].(map[string]any); link[phase] != nil {
					reported = len(verdicts(t, k, got, phase)) - 1
				}
				if read := got[phase].(map[string]any)["progress"].(map[string]any)["rows"]; reported != want || read != float64(want) {
					t.Errorf("%d rows are reported and %v were gone through, want %d", reported, read, want)
				}
				if all := lying(t, k, "UPLOADS_BUCKET"); slices.ContainsFunc(all, func(s string) bool {
					return strings.Contains(s, made["id"].(string)) && (strings.HasPrefix(s, "uploads/") || strings.HasSuffix(s, "unfinished"))
				}) {
					t.Errorf("there is %v", all)
				}
				cancelled := 0
				for _, e := range answer(t, k.Do(t, "GET", "/v1/audit?object=import:"+made["id"].(string), anna, ""), 200)["items"].([]any) {
					if e := e.(map[string]any); e["event"] == "import.cancelled" && strings.HasPrefix(e["actor"].(string), "person:") {
						cancelled++
					}
				}
				if cancelled != 1 {
					t.Errorf("the trail says %d times that somebody cancelled it", cancelled)
				}
				if due := tend(t, k); len(due) != 0 {
					t.Errorf("still due: %v", due)
				}
				*stop = interruption{}
				again := committed(t, k, anna, announced(t, k, anna, "csv", more, file))
				if again["state"] != "done" || totals(t, again, "commit", "created")+totals(t, again, "commit", "unchanged") != rows {
					t.Errorf("again: %v", again)
				}
				if unchanged := totals(t, again, "commit", "unchanged"); phase == "check" && unchanged != 0 || phase == "commit" && unchanged != float64(want) {
					t.Errorf("%v passports were there, %d rows were gone through", unchanged, want)
				}
			})
		}
	}
}
