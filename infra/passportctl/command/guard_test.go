package command_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
)

// TestAnEmptyCheckpointIsNone holds that a file for -earlier which holds nothing does not weaken the check in silence.
func TestAnEmptyCheckpointIsNone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n"))
	}))
	defer server.Close()
	dir := t.TempDir()
	pub, kept, trail := filepath.Join(dir, "key.pem"), filepath.Join(dir, "kept.txt"), filepath.Join(dir, "trail.ndjson")
	if code, said := ctl(t, "", "audit", "key", "-url", server.URL, "-o", pub); code != command.Good {
		t.Fatal(said)
	}
	write(t, kept, " \n")
	write(t, trail, `{"format":"passportcraft-audit/1","tenant":"x"}`+"\n")
	if code, said := ctl(t, "", "verify", "audit", trail, "-key", pub, "-earlier", kept); code != command.Bad || !strings.Contains(said, "holds no checkpoint") {
		t.Errorf("%d %s", code, said)
	}
}

// TestServersAreNotTrusted holds that a server can neither keep a download going for ever nor steer the terminal, and
// that a key is not sent in the clear.
func TestServersAreNotTrusted(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"detail":"no\u001b[2Jno"}`))
			return
		}
		asked++
		w.Header().Set("Next-Sequence", "5")
	}))
	defer server.Close()
	out := filepath.Join(t.TempDir(), "trail.ndjson")
	code, said := ctl(t, "key", "audit", "download", "-url", server.URL, "-o", out)
	if code != command.Bad || !strings.Contains(said, "never end") || asked != 2 {
		t.Errorf("%d after %d questions: %s", code, asked, said)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a part is taken for the whole")
	}
	if code, said = ctl(t, "key", "audit", "download", "-url", server.URL+"/bad", "-o", out); code != command.Bad || strings.Contains(said, "\x1b") || !strings.Contains(said, "403. no[2Jno") {
		t.Errorf("%d %q", code, said)
	}
	if code, said = ctl(t, "key", "audit", "download", "-url", "http://passports.example", "-o", out); code != command.Usage || !strings.Contains(said, "in the clear") {
		t.Errorf("%d %s", code, said)
	}
}

// TestRefusalsHelp holds that everything of a refusal that helps comes to light: each member with what is wrong about it, the
// code and the request, and the variable that a key which is not taken came from.
func TestRefusalsHelp(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	empty, table, recipe := filepath.Join(dir, "empty.csv"), filepath.Join(dir, "table.csv"), filepath.Join(dir, "recipe.json")
	write(t, empty, "")
	write(t, table, "Product identifier\nx\n")
	write(t, recipe, `{"name":"a","productGroup":"general","granularity":"item","mapping":{"columns":[{"header":"Product identifier","pointer":"/productIdentifier"},{"header":"a","pointer":"/content/nmae","language":"en"}]}}`)
	out := filepath.Join(dir, "x.zip")
	for _, tc := range []struct {
		key  string
		args []string
		says []string
	}{
		{key, []string{"export", "-o", out, "-formats", "pdf"}, []string{"answers 422.", "/formats/0: en18223, en18223-jsonld, csv or xlsx", "value-invalid, request 0"}},
		{key, []string{"export", "-o", out, "-scope", "all", "-group", "general"}, []string{"/scope: one of workspace, passports, account", "/scope: filters go with the scope passports"}},
		{key, []string{"import", table, "-group", "nonsense"}, []string{"/productGroup: ", "product-group-unknown"}},
		{key, []string{"import", empty, "-group", "general"}, []string{"/size: "}},
		{key, []string{"import", table, "-recipe", recipe}, []string{"/recipe/mapping/columns/1/pointer: The product group has no such field"}},
		{"pc_local_wrong", []string{"export", "-o", out}, []string{"answers 401.", "PASSPORTCRAFT_API_KEY", "unauthenticated, request 0"}},
	} {
		code, _, said := o.ctl(t, tc.key, tc.args...)
		for _, want := range tc.says {
			if code != command.Bad || !strings.Contains(said, want) {
				t.Errorf("%v: %d, and not %q: %s", tc.args, code, want, said)
			}
		}
		if strings.Contains(said, "Authorization") {
			t.Errorf("%v: whoever types commands sends no headers: %s", tc.args, said)
		}
	}
}
