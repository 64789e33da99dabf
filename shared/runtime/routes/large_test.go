package routes_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestLargeWorkspace exports as many passports as PASSPORTCRAFT_LARGE says from the real engine, a quarter of them published
// and some with documents, brings them into an empty organisation, exports them there, and logs what it took: content,
// versions and documents are the same. It is for a person to run, since it takes minutes.
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
				one := k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("L", n)), "A/B", fmt.Sprint("L", n)))
				if n%50 == 0 {
					add(t, k, anna, "/v1/passports/"+one, "?name=Manual&kind=manual&audience=public", "text/plain", fmt.Sprint("Manual of ", n))
				}
				if n%4 == 0 {
					k.Publish(t, anna, one)
				}
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
	begun = clock.System()
	_, after := exported(t, k, heir, `{"scope":"workspace"}`)
	t.Logf("exported again in %v", clock.System().Sub(begun))
	for _, folder := range []string{"passports/", "versions/"} {
		if first, second := digests(t, a, folder), digests(t, after, folder); len(first) == 0 || !slices.Equal(first, second) {
			t.Errorf("%s: %d records have become %d others", folder, len(first), len(second))
		}
	}
	if first, second := papers(t, a), papers(t, after); len(first) == 0 || !slices.Equal(first, second) {
		t.Errorf("%d documents have become %d others", len(first), len(second))
	}
}

// digests are those of all records of a folder, but for what coming back changes, in their order.
func digests(t *testing.T, a *archive.Archive, folder string) (all []string) {
	t.Helper()
	if err := a.Lines(folder, func(line []byte) error {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			return err
		}
		text, err := json.Marshal(comparable([]map[string]any{record})[0])
		sum := sha256.Sum256(text)
		all = append(all, string(sum[:]))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
