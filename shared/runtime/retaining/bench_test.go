package retaining_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// BenchmarkSweep empties the table of passports of a tenant with so many rows of 2 KB, six for each passport, in pages as
// the worker takes them. It reports items in a second, writes for each item, and the most memory that was in use.
func BenchmarkSweep(b *testing.B) {
	for _, items := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(items), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				k := testkit.Open(b, testkit.Options{})
				tenant, _ := k.Tenant(b, "large")
				seed(b, k, tenant, items)
				s, o := dynamo.NewSweepRecords(k.App.Database(), k.Clock.Now), retention.Order{Tenant: tenant}
				var sum retention.Page
				var most uint64
				b.StartTimer()
				for {
					page, err := s.Sweep(b.Context(), o, sum.Cursor, 500)
					if err != nil {
						b.Fatal(err)
					}
					sum.Deleted, sum.Writes, sum.Cursor = sum.Deleted+page.Deleted, sum.Writes+page.Writes, page.Cursor
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					if most = max(most, m.HeapAlloc); sum.Cursor == "" {
						break
					}
				}
				b.ReportMetric(float64(sum.Deleted)/(float64(b.Elapsed())/float64(time.Second)), "items/s")
				b.ReportMetric(float64(sum.Writes)/float64(sum.Deleted), "writes/item")
				b.ReportMetric(float64(most>>20), "MB-most")
			}
		})
	}
}

func seed(b *testing.B, k *testkit.Kit, t id.Tenant, items int) {
	b.Helper()
	ids := id.NewSource(k.Clock.Now, k.App.Stores().Random)
	at, body := "T#"+string(t), strings.Repeat("x", 2000)
	var p id.Passport
	k.PutAll(b, "RECORDS_TABLE", items, func(i int) map[string]string {
		switch i % 6 {
		case 0:
			p = id.New[id.Passport](ids)
			return map[string]string{"PK": at + "#P#" + string(p), "SK": "META", "idn": fmt.Sprint(i), "CPK": fmt.Sprintf("%s#C#%d", at, int(p[len(p)-1])%2), "CSK": string(p), "body": body}
		case 1:
			return map[string]string{"PK": at + "#ID#" + fmt.Sprint(i-1), "SK": "ID", "pid": string(p)}
		default:
			return map[string]string{"PK": at + "#P#" + string(p), "SK": fmt.Sprintf("V#%08d", i%6), "body": body}
		}
	})
}
