package passports_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func all(app *tenancy.App) []httpapi.Route {
	s, l := editing.Passports(app), app.Links()
	return []httpapi.Route{
		passports.Create(s, l), passports.List(&s.Reader, l), passports.Get(&s.Reader, l), passports.Update(s, l), passports.Publish(s, l),
		passports.Suspend(s, l), passports.Archive(s, l), passports.ListVersions(&s.Reader), passports.GetVersion(&s.Reader, l),
	}
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return m
}

// TestSamplesPublish creates and publishes every sample in order: the item inherits from batch and model.
func TestSamplesPublish(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: all})
	_, key := k.Tenant(t, "Aurora Cells")
	for _, name := range samples.Names() {
		body, err := samples.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		w := k.Do(t, "POST", "/v1/passports", key, string(body))
		p := want(t, w, 201)
		if got := w.Header().Get("Location"); got != "/v1/passports/"+p["id"].(string) {
			t.Errorf("%s: Location %q", name, got)
		}
		w = k.Do(t, "POST", w.Header().Get("Location")+"/publication", key, "", "If-Match", w.Header().Get("ETag"))
		p = want(t, w, 200)
		if p["status"] != "published" || p["version"] != 1.0 || !strings.HasPrefix(p["contentHash"].(string), "sha-256:") {
			t.Errorf("%s: %v", name, p)
		}
		v := want(t, k.Do(t, "GET", "/v1/passports/"+p["id"].(string)+"/versions/1", key, ""), 200)
		if name == "3-ev-item.json" {
			content := v["content"].(map[string]any)
			if content["batteryModelId"] != "Aurora 78 LR" || content["manufacturingDate"] != "2027-02" || content["serialNumber"] != "AC78-000421" {
				t.Errorf("the item did not inherit: %v", content)
			}
		}
	}
}
