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
