package restore_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
)

// rewritten is an archive whose lines somebody with the key has changed.
func rewritten(t interface{ Fatalf(string, ...any) }, key *ecdsa.PrivateKey, file []byte, change func(all map[string][]string, m *archive.Manifest)) []byte {
	must := func(err error) {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)), &key.PublicKey)
	must(err)
	all := map[string][]string{}
	for _, m := range a.Manifest.Members {
		if strings.HasSuffix(m.Name, ".ndjson") {
			folder, _, _ := strings.Cut(m.Name, "/0")
			must(a.Lines(m.Name, func(line []byte) error { all[folder] = append(all[folder], string(line)); return nil }))
		}
	}
	change(all, &a.Manifest)
	var out bytes.Buffer
	var members []archive.Member
	for folder, lines := range all {
		name := folder
		if !strings.HasSuffix(name, ".ndjson") {
			name += "/000001.ndjson"
		}
		b := archive.NewBuilder(name)
		must(b.Lines([]byte(strings.Join(append(lines, ""), "\n"))))
		m, err := b.Finish(&out)
		must(err)
		members = append(members, m)
	}
	for _, m := range a.Manifest.Members {
		if strings.HasPrefix(m.Name, "files/") {
			b, err := a.File(m.Name, m.Size)
			must(err)
			packed, err := archive.Store(&out, m.Name, b)
			must(err)
			members = append(members, packed)
		}
	}
	a.Manifest.Members = archive.List(members)
	manifest, err := json.Marshal(a.Manifest)
	must(err)
	sum := sha256.Sum256(archive.Message(manifest))
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	must(err)
	for _, last := range []struct {
		name string
		data []byte
	}{{archive.ManifestName, manifest}, {archive.SignatureName, []byte(base64.StdEncoding.EncodeToString(signature))}} {
		m, err := archive.Store(&out, last.name, last.data)
		must(err)
		members = append(members, m)
	}
	must(archive.Directory(&out, members))
	return out.Bytes()
}

// TestLinesOfNobody puts a line into an archive that belongs to none of its passports, or moves, repeats or removes one, and
// signs it: when it is checked it is refused, before anything is stored.
func TestLinesOfNobody(t *testing.T) {
	w := newWorld(t, newKey(t))
	from, _ := many(w, 12)
	file := w.take(t, from, 20_000, time.Hour)
	rapid.Check(t, func(rt *rapid.T) {
		folder := rapid.SampledFrom([]string{"versions", "documents"}).Draw(rt, "folder")
		how := rapid.SampledFrom([]string{"as it was", "of nobody", "another's", "in another order", "not counted", "one less"}).Draw(rt, "how")
		changed := rewritten(rt, w.key, file, func(all map[string][]string, m *archive.Manifest) {
			lines := all[folder]
			owner := func(n int) string {
				var r struct{ Passport string }
				if err := json.Unmarshal([]byte(lines[n]), &r); err != nil {
					rt.Fatalf("%v", err)
				}
				return r.Passport
			}
			at := rapid.IntRange(0, len(lines)-1).Draw(rt, "at")
			switch how {
			case "of nobody":
				lines[at] = strings.Replace(lines[at], owner(at), "0199aaaa-0000-7000-8000-00000000000a", 1)
			case "another's":
				other := rapid.IntRange(0, len(lines)-1).Filter(func(n int) bool { return owner(n) != owner(at) }).Draw(rt, "other")
				if at > 0 && owner(at-1) == owner(other) || at < len(lines)-1 && owner(at+1) == owner(other) {
					rt.Skip("it stands beside those of the other")
				}
				lines[at] = strings.Replace(lines[at], owner(at), owner(other), 1)
			case "in another order":
				if owner(0) == owner(len(lines)-1) {
					rt.Skip("all are of one")
				}
				lines[0], lines[len(lines)-1] = lines[len(lines)-1], lines[0]
			case "not counted":
				m.Counts[folder]++
			case "one less":
				all[folder] = append(lines[:at:at], lines[at+1:]...)
			}
		})
		to, own := w.found()
		which := w.begin(rt, to, changed)
		if err := w.runner(time.Hour, 1).Run(testContext, to, which); err != nil {
			rt.Fatal(err)
		}
		want := restore.Refused
		if how == "as it was" {
			want = restore.Checked
		}
		if i := w.state(which); i.State != want || fmt.Sprint(i.Why == "") != fmt.Sprint(want == restore.Checked) || len(own.passports) > 0 {
			rt.Fatalf("%s: %+v", how, i)
		}
	})
}
