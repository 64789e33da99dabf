package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// packed is an archive with two members of lines, signed with a key if one is given.
func packed(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	var out bytes.Buffer
	var members []archive.Member
	for _, name := range []string{"passports/000001.ndjson", "versions/000001.ndjson"} {
		b := archive.NewBuilder(name)
		for n := range 20 {
			if err := b.Line(map[string]any{"n": n, "text": strings.Repeat("ä", n)}); err != nil {
				t.Fatal(err)
			}
		}
		m, err := b.Finish(&out)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
	}
	manifest, err := json.Marshal(archive.Manifest{Format: archive.Format, Members: archive.List(members)})
	if err != nil {
		t.Fatal(err)
	}
	signature := []byte("none")
	if key != nil {
		sum := sha256.Sum256(archive.Message(manifest))
		if signature, err = ecdsa.SignASN1(rand.Reader, key, sum[:]); err != nil {
			t.Fatal(err)
		}
	}
	for _, last := range []struct {
		name string
		data []byte
	}{{archive.ManifestName, manifest}, {archive.SignatureName, []byte(base64.StdEncoding.EncodeToString(signature))}} {
		m, err := archive.Store(&out, last.name, last.data)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
	}
	if err := archive.Directory(&out, members); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(file []byte, key *ecdsa.PublicKey) error {
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)), key)
	if err != nil {
		return err
	}
	return errors.Join(a.Verify(nil), a.Lines("passports/", func([]byte) error { return nil }))
}

// TestDates holds that members have a date that there is: some programs refuse others.
func TestDates(t *testing.T) {
	file := packed(t, nil)
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if got := f.Modified.UTC().Format(time.DateOnly); got != "2000-01-01" {
			t.Errorf("%s is of %s", f.Name, got)
		}
	}
}

// TestEveryByteCounts changes each byte of a signed archive and cuts it off everywhere: it is refused, or says the same.
func TestEveryByteCounts(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := packed(t, key)
	if err := read(file, &key.PublicKey); err != nil {
		t.Fatal(err)
	}
	content := func(file []byte) (out string) {
		a, err := archive.Open(bytes.NewReader(file), int64(len(file)), &key.PublicKey)
		if err != nil || a.Verify(nil) != nil {
			return "refused"
		}
		_ = a.Lines("", func(line []byte) error { out += string(line) + "\n"; return nil })
		return out
	}
	want := content(file)
	for n := range file {
		changed := bytes.Clone(file)
		changed[n] ^= 0x20
		if got := content(changed); got != want && got != "refused" {
			t.Fatalf("byte %d changed, and the archive says something else:\n%s", n, got)
		}
		if n > 0 && read(file[:n], &key.PublicKey) == nil {
			t.Fatalf("the first %d of %d bytes are taken for an archive", n, len(file))
		}
	}
	if other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil || read(file, &other.PublicKey) == nil {
		t.Error("an archive of somebody else is taken")
	}
}

// TestHostileArchives holds that a file that nobody signed cannot fill memory before that is known.
func TestHostileArchives(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := func(fill func(z *zip.Writer)) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		fill(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	write := func(z *zip.Writer, name string, pieces int, piece []byte) {
		w, err := z.Create(name)
		for range pieces {
			if err == nil {
				_, err = w.Write(piece)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"a manifest of zeros": {forged(func(z *zip.Writer) { write(z, archive.ManifestName, 100, make([]byte, 1<<20)) }), "larger than"},
		"a directory of names": {forged(func(z *zip.Writer) {
			for n := range 1100 {
				write(z, fmt.Sprintf("%s%d", strings.Repeat("n", 40_000), n), 0, nil)
			}
		}), "directory"},
		"a member twice":          {forged(func(z *zip.Writer) { write(z, "a", 1, nil); write(z, "a", 1, nil) }), "twice"},
		"no manifest":             {forged(func(z *zip.Writer) { write(z, "a", 1, nil) }), "lacks it"},
		"no signature":            {forged(func(z *zip.Writer) { write(z, archive.ManifestName, 1, []byte("{}")) }), "lacks it"},
		"a signature of nobody":   {packed(t, nil), "not the platform's signature"},
		"a workbook or any other": {[]byte("PK\x03\x04 and no more"), "no ZIP archive"},
	} {
		if err := read(c.file, &key.PublicKey); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen reads any file as an archive, signed by anybody: it is refused with the member that is wrong, or read to its end.
func FuzzOpen(f *testing.F) {
	file := packed(f, nil)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add(bytes.Replace(file, []byte("PK\x05\x06"), []byte("PK\x06\x06"), 1))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := read(file, nil); err != nil {
			if w, ok := errors.AsType[*archive.Wrong](err); !ok || w.Member == "" || w.Problem == "" {
				t.Errorf("%v", err)
			}
		}
	})
}

// FuzzManifest reads any manifest in an archive that is otherwise good.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":"passportcraft-export/1","members":[{"name":"passports/1.ndjson","size":3,"sha256":"x","lines":1}]}`))
	f.Add([]byte(`{"format":"passportcraft-export/1","members":[{"name":"passports/1.ndjson","size":-1},{"name":"passports/1.ndjson","size":9223372036854775807}]}`))
	f.Add([]byte(`{"format":"other"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for name, data := range map[string][]byte{"passports/1.ndjson": []byte("{}\n"), archive.ManifestName: manifest} {
			w, err := z.Create(name)
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := read(out.Bytes(), nil); err != nil {
			if w, ok := errors.AsType[*archive.Wrong](err); !ok || w.Problem == "" {
				t.Errorf("%v", err)
			}
		}
	})
}
