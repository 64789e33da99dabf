package routes_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// saboteur stands between the SDK and the engines: the n-th call is refused, or carried out and its answer lost.
type saboteur struct {
	calls atomic.Int64
	at    atomic.Int64 // 0: never
	apply atomic.Bool
}

func (s *saboteur) arm(at int64, apply bool) { s.calls.Store(0); s.at.Store(at); s.apply.Store(apply) }

func (s *saboteur) Do(r *http.Request) (*http.Response, error) {
	if n := s.calls.Add(1); n != s.at.Load() {
		return http.DefaultTransport.RoundTrip(r)
	}
	if s.apply.Load() {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	// An error that the SDK does not try again, as after its last attempt.
	body := `{"__type":"com.amazonaws.dynamodb.v20120810#UnrecognizedClientException","message":"sabotage: internal detail"}`
	return &http.Response{
		StatusCode: 400, Status: "400 Bad Request", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// TestEveryCallMayFail lets every storage call of every step of a passport's life fail in both ways. Whatever happens,
// the passport is before the step or after it, whole; the answer says nothing internal; and the step can be taken again.
func TestEveryCallMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, key := k.Tenant(t, "A")
	steps := []struct{ path, body, status string }{
		{"/publication", "", "published"}, {"/suspension", `{"reason":"wrong"}`, "suspended"}, {"/publication", "", "published"}, {"/archival", `{"reason":"recycled"}`, "archived"},
	}
	serial, refused := 0, 0
	for _, apply := range []bool{false, true} {
		for at := int64(1); at <= 4; at++ {
			serial++
			name := string(rune('A' + serial))
			one := "/v1/passports/" + k.Create(t, key, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", name), "A/B", name))
			for _, step := range steps {
				before := state(t, k, key, one, name)
				tag := k.Do(t, "GET", one, key, "").Header().Get("ETag")
				s.arm(at, apply)
				w := k.Do(t, "POST", one+step.path, key, step.body, "If-Match", tag)
				s.arm(0, false)
				if w.Code != 200 && w.Code != 503 || strings.Contains(w.Body.String(), "sabotage") {
					t.Fatalf("call %d of %s: %d %s", at, step.path, w.Code, w.Body)
				}
				if w.Code == 503 {
					refused++
				}
				if w.Code == 503 && w.Header().Get("Retry-After") == "" {
					t.Errorf("503 without Retry-After")
				}
				after := state(t, k, key, one, name)
				if after != before && !strings.HasPrefix(after, step.status+" ") {
					t.Errorf("call %d of %s (applied: %v) left the passport between states: %s → %s", at, step.path, apply, before, after)
				}
				if w.Code == 200 && after == before {
					t.Errorf("call %d of %s: success was said and nothing changed", at, step.path)
				}
				if after == before {
					if w := k.Do(t, "POST", one+step.path, key, step.body, "If-Match", tag); w.Code != 200 {
						t.Fatalf("again: %d %s", w.Code, w.Body)
					}
				}
			}
		}
	}
	if refused < 16 {
		t.Errorf("only %d calls were sabotaged", refused)
	}
}

// state is what a passport looks like from all sides; it fails when the sides contradict each other.
func state(t *testing.T, k *testkit.Kit, key, one, name string) string {
	t.Helper()
	var p struct {
		Status  string
		Version int
	}
	var list struct{ Items []struct{ Version int } }
	for path, into := range map[string]any{one: &p, one + "/versions": &list} {
		if err := json.Unmarshal(k.Do(t, "GET", path, key, "").Body.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
	public := k.Do(t, "GET", "/01/09506000134376/21/"+name, "", "", "Accept", "application/json")
	want := map[string]int{"draft": 404, "published": 200, "suspended": 404, "archived": 410}[p.Status]
	if len(list.Items) != p.Version || public.Code != want {
		t.Errorf("half-written: status %s, version %d, %d versions, public %d", p.Status, p.Version, len(list.Items), public.Code)
	}
	return p.Status + " " + strings.Repeat("v", p.Version)
}

// TestCarrierLeadsToThePassport reads the printed code back and follows it.
func TestCarrierLeadsToThePassport(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	p := k.Publish(t, key, k.Create(t, key, complete))
	w := k.Do(t, "GET", "/q/"+p+".png", "", "")
	picture, err := png.Decode(bytes.NewReader(w.Body.Bytes()))
	if err != nil || w.Header().Get("Content-Type") != "image/png" {
		t.Fatalf("%v %s", err, w.Header().Get("Content-Type"))
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(code.GetText(), testkit.PublicBase)
	if !ok {
		t.Fatalf("the code holds %q", code.GetText())
	}
	if w := k.Do(t, "GET", path, "", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "CANARY-NAME") {
		t.Errorf("following the code: %d", w.Code)
	}
	if w := k.Do(t, "GET", "/q/"+p+".svg", "", ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "<svg") || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("SVG: %d", w.Code)
	}
}
