package routes_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// BenchmarkCreate takes the full model of a battery, without gateway and with tables in memory.
func BenchmarkCreate(b *testing.B) {
	k := testkit.Open(b, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(b, "A")
	model, err := samples.Read("1-ev-model.json")
	if err != nil {
		b.Fatal(err)
	}
	var sample struct{ Content json.RawMessage }
	if err := json.Unmarshal(model, &sample); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		k.Create(b, key, fmt.Sprintf(`{"productGroup":"battery","granularity":"batch","productIdentifier":"https://id.gs1.org/01/09506000134352/10/B%d","content":%s}`, n, sample.Content))
	}
}
