package auditlog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
)

// TestNothingBesideWhatIsSigned holds that a line which says more than was signed is refused, also where the reader of
// this package would not look: other readers take the first of two members of one name, or tell letters apart.
func TestNothingBesideWhatIsSigned(t *testing.T) {
	s := newSigner(t)
	lines, notes := write(t, s, tenant, 5, 3)
	entry := strings.TrimSuffix(lines[3][strings.Index(lines[3], `"entry":`)+len(`"entry":`):], "}\n")
	forged := strings.Replace(entry, "key:a", "key:b", 1)
	note, err := json.Marshal(notes[0])
	if err != nil {
		t.Fatal(err)
	}
	put := func(before, text string) func(string) string {
		return func(l string) string { return strings.Replace(l, before, text+before, 1) }
	}
	for name, tc := range map[string]struct {
		line int
		edit func(string) string
	}{
		"text after an entry":            {3, put("\n", " more")},
		"an object after an entry":       {3, put("\n", `{"seq":3,"entry":`+forged+`}`)},
		"an entry before the entry":      {3, put(`"entry":`, `"entry":`+forged+`,`)},
		"an entry in other letters":      {3, func(l string) string { return strings.Replace(l, `"entry":`, `"entry":`+forged+`,"Entry":`, 1) }},
		"a tenant in an entry line":      {3, put(`"seq"`, `"tenant":"x",`)},
		"an entry in a checkpoint":       {6, func(string) string { return `{"seq":5,"entry":` + forged + `,"checkpoint":` + string(note) + "}\n" }},
		"an entry in the first line":     {0, put(`"format"`, `"seq":0,"entry":`+forged+`,`)},
		"two tenants":                    {0, put(`"tenant"`, `"tenant":"x",`)},
		"a number written another way":   {1, func(l string) string { return strings.Replace(l, `"seq":0`, `"seq":-0`, 1) }},
		"a space":                        {3, put(`"chain"`, " ")},
		"a checkpoint written otherwise": {6, func(l string) string { return strings.Replace(l, "—", `\u2014`, 1) }},
	} {
		bad := append([]string(nil), lines...)
		bad[tc.line] = tc.edit(bad[tc.line])
		if bad[tc.line] == lines[tc.line] {
			t.Errorf("%s: nothing was edited", name)
		}
		_, err := verify(t, s, bad, notes[1])
		var found *auditlog.Bad
		if !errors.As(err, &found) || found.Line != tc.line+1 {
			t.Errorf("%s, line %d: %v", name, tc.line+1, err)
		}
	}
	dos := strings.Split(strings.ReplaceAll(strings.Join(lines, ""), "\n", "\r\n"), "\x00")
	if _, err := verify(t, s, dos, notes[1]); err != nil {
		t.Errorf("with line ends of another system: %v", err)
	}
}

// TestKeyIDIsTheStandardOne holds the identifier of ECDSA keys of C2SP signed-note: the beginning of the SHA-256 of the
// public key, without the name.
func TestKeyIDIsTheStandardOne(t *testing.T) {
	s := newSigner(t)
	_, notes := write(t, s, tenant, 1)
	spki, err := s.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(spki)
	_, signature, _ := strings.Cut(notes[0], "— "+auditlog.KeyName+" ")
	got, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	if err != nil || !bytes.Equal(got[:4], want[:4]) {
		t.Errorf("% x %v, want % x", got[:4], err, want[:4])
	}
}

// TestSchema holds that the published schema admits every line that is written, and nothing of another shape.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("download.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("download.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("download.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	good := func(line string) bool {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		return err == nil && schema.Validate(v) == nil
	}
	lines, _ := write(t, newSigner(t), tenant, 3, 2)
	for _, l := range lines {
		if !good(l) {
			t.Errorf("the schema refuses %s", l)
		}
	}
	for _, l := range []string{`{}`, `[]`, `{"seq":0}`, `{"checkpoint":""}`, `{"format":"passportcraft-audit/2","tenant":"x"}`,
		strings.Replace(lines[1], `"seq":0`, `"seq":-1`, 1), strings.Replace(lines[1], `"actor"`, `"mail":"x","actor"`, 1), strings.Replace(lines[1], `"at":"2`, `"at":"`, 1)} {
		if good(l) {
			t.Errorf("the schema admits %s", l)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	s := newSigner(f)
	_, notes := write(f, s, tenant, 3)
	f.Add(notes[0])
	f.Add("x\n0\n\n\n— x y\n")
	v := s.verifier(f)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := auditlog.OpenCheckpoint(text, v); err == nil && !strings.HasPrefix(text, notes[0][:strings.Index(notes[0], "\n\n")]) {
			t.Errorf("opened: %q", text)
		}
	})
}

// made is a log that is made while it is read, so that its length costs no memory.
type made struct {
	bytes.Buffer
	next func(*bytes.Buffer) bool
}

func (m *made) Read(p []byte) (int, error) {
	for m.Len() == 0 {
		if !m.next(&m.Buffer) {
			return 0, io.EOF
		}
	}
	return m.Buffer.Read(p)
}

// TestMemoryDoesNotGrow holds that the memory which verifying takes does not depend on the length of the log.
func TestMemoryDoesNotGrow(t *testing.T) {
	const all, most = 100_000, 30 << 20
	s := newSigner(t)
	h := auditlog.Head{Alias: "a-log"}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := before.HeapAlloc
	log := &made{next: func(b *bytes.Buffer) bool {
		if h.Size == all {
			return false
		}
		var entries [][]byte
		for n := range 1000 {
			entries = append(entries, entry(t, tenant, int(h.Size)+n))
		}
		next, records := h.Append(entries...)
		signed, err := auditlog.Sign(t.Context(), s, auditlog.Checkpoint(next, time.Unix(1_900_000_000, 0)))
		if err := errors.Join(err, auditlog.WriteLines(b, tenant, h.Size == 0, auditlog.Block{Records: records, Note: signed})); err != nil {
			t.Fatal(err)
		}
		h = next
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc)
		return true
	}}
	got, err := auditlog.Verify(log, s.verifier(t), "")
	if err != nil || got.Covered != all || peak-before.HeapAlloc > most {
		t.Errorf("%+v %v, %d bytes more", got, err, peak-before.HeapAlloc)
	}
	t.Log(fmt.Sprintf("%d entries, at most %.1f MB more", got.Entries, float64(peak-before.HeapAlloc)/(1<<20)))
}
