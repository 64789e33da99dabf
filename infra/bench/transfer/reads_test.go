package transfer_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// counter counts the calls of the SDK to storage: operations of DynamoDB, and methods of S3.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counter) Do(r *http.Request) (*http.Response, error) {
	name := r.Method
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndex(target, ".")+1:]
	}
	c.mu.Lock()
	c.calls[name]++
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// TestReads packs passports on the local engines and counts what is read for each: a quarter of them have a version, one in
// twenty a document.
func TestReads(t *testing.T) {
	say := measured(t)
	const passports = 1000
	c := &counter{calls: map[string]int{}}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: c})
	_, owner := k.Organisation(t, "owner", "Nordeiche")
	const chair = `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/R%d","content":{"serialNumber":"R%d","name":{"en":"Chair"},"manufacturer":{"name":"Nordeiche"},"disassembly":"Screws."}}`
	for n := range passports {
		p := k.Create(t, owner, fmt.Sprintf(chair, n, n))
		if n%4 == 0 {
			k.Publish(t, owner, p)
		}
		if n%20 == 0 {
			path := "/v1/passports/" + p + "/documents?name=Manual&kind=manual&audience=public"
			if w := k.Do(t, http.MethodPost, path, owner, fmt.Sprint("manual ", n), "Content-Type", "text/plain"); w.Code != http.StatusCreated {
				t.Fatalf("document: %d %s", w.Code, w.Body)
			}
		}
	}
	k.Clock.Advance(time.Second)
	if w := k.Do(t, http.MethodPost, "/v1/exports", owner, `{"scope":"passports"}`); w.Code != http.StatusAccepted {
		t.Fatalf("export: %d %s", w.Code, w.Body)
	}
	clear(c.calls)
	begun := clock.System()
	k.PackAll(t)
	took := clock.System().Sub(begun)
	say("reads of an export, %d passports, a quarter published, one in twenty with a document | %.3f queries and %.3f objects a passport (%d other calls); %.0f passports/s on the local engines",
		passports, float64(c.calls["Query"])/passports, float64(c.calls["GET"])/passports, c.calls["GetItem"]+c.calls["BatchGetItem"]+c.calls["PutItem"]+c.calls["TransactWriteItems"], passports/took.Seconds())
}
