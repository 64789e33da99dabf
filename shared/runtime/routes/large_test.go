package routes_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestLargeWorkspace exports as many passports as PASSPORTCRAFT_LARGE says from the real engine, brings them into an empty
// organisation and logs what it took. It is for a person to run, since it takes minutes.
func TestLargeWorkspace(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv("PASSPORTCRAFT_LARGE"))
	if err != nil {
		t.Skip("PASSPORTCRAFT_LARGE does not say how many passports, for example 100000")
	}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, SystemClock: true})
	_, anna := k.Tenant(t, "Nordeiche")
	begun := clock.System()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := worker; n < size; n += 8 {
				k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("L", n)), "A/B", fmt.Sprint("L", n)))
			}
		})
	}
	wg.Wait()
	t.Logf("%d passports made in %v", size, clock.System().Sub(begun))
	k.Events = nil
	runtime.GC()
	begun = clock.System()
	raw, a := exported(t, k, anna, `{"scope":"workspace"}`)
	t.Logf("exported in %v: %d MB, %d members", clock.System().Sub(begun), len(raw)>>20, len(a.Manifest.Members))
	if n := a.Manifest.Counts["passports"]; n != int64(size) {
		t.Errorf("%d of %d passports", n, size)
	}
	_, heir := k.Tenant(t, "Heir")
	begun = clock.System()
	done := committed(t, k, heir, uploaded(t, k, heir, raw))
	t.Logf("brought back in %v", clock.System().Sub(begun))
	if done["restored"].(float64) != float64(size) || done["failed"].(float64) != 0 {
		t.Errorf("%v", done)
	}
}
