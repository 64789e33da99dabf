package routes_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
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
		if first, second := fingerprints(t, a, folder), fingerprints(t, after, folder); len(first) == 0 || !slices.Equal(first, second) {
			t.Errorf("%s: %d records have become %d others", folder, len(first), len(second))
		}
	}
	if first, second := papers(t, a), papers(t, after); len(first) == 0 || !slices.Equal(first, second) {
		t.Errorf("%d documents have become %d others", len(first), len(second))
	}
}

// fingerprints are digests of all records of a folder, but for what coming back changes, in their order.
func fingerprints(t *testing.T, a *archive.Archive, folder string) (all []string) {
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

// TestLargestArchive uploads a signed archive of as many bytes as are taken at most, most of them zeros in one member, has it
// checked and brings the passport in it back, and logs what it took. It is for a person to run where PASSPORTCRAFT_LARGEST
// is set, since it takes a minute and 10 GiB of disk.
func TestLargestArchive(t *testing.T) {
	if os.Getenv("PASSPORTCRAFT_LARGEST") == "" {
		t.Skip("PASSPORTCRAFT_LARGEST is not set: the largest archive takes a minute and 10 GiB of disk")
	}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, SystemClock: true})
	_, anna := k.Tenant(t, "Nordeiche")
	k.Create(t, anna, chair("LARGEST"))
	_, a := exported(t, k, anna, `{"scope":"passports"}`)
	path, sum := largest(t, k, a)
	_, heir := k.Tenant(t, "Heir")
	made := answer(t, k.Do(t, "POST", "/v1/imports", heir, fmt.Sprintf(`{"format":"archive","size":%d,"sha256":"%x"}`, int64(upload.MaxSize), sum)), 201)
	before, begun := peak(t, "self"), clock.System()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	form := made["upload"].(map[string]any)
	if resp := k.Stream(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), f, upload.MaxSize); resp.StatusCode != http.StatusOK {
		t.Fatalf("the upload is answered with %d", resp.StatusCode)
	}
	t.Logf("uploaded in %v; engines at most %d MB", clock.System().Sub(begun), peak(t, fmt.Sprint(testkit.Engines(t).PID)))
	begun = clock.System()
	k.ImportAll(t)
	checked := answer(t, k.Do(t, "GET", "/v1/imports/"+made["id"].(string), heir, ""), 200)
	t.Logf("checked in %v: %v", clock.System().Sub(begun), checked["state"])
	begun = clock.System()
	done := committed(t, k, heir, checked)
	t.Logf("brought back in %v; at most %d MB in this process, %d MB before", clock.System().Sub(begun), peak(t, "self"), before)
	if done["restored"] != 1.0 || done["failed"] != 0.0 {
		t.Errorf("%v", done)
	}
	if now := peak(t, "self"); now > before+150 {
		t.Errorf("%d MB more were in use", now-before)
	}
}

// largest makes an archive of the passports of another one, filled up with zeros. They are a hole in the file.
func largest(t *testing.T, k *testkit.Kit, of *archive.Archive) (path string, sum []byte) {
	t.Helper()
	b := archive.NewBuilder("passports/000001.ndjson")
	if err := of.Lines("passports/", func(line []byte) error { return b.Lines(append(bytes.Clone(line), '\n')) }); err != nil {
		t.Fatal(err)
	}
	var head, tail bytes.Buffer
	passports, err := b.Finish(&head)
	if err != nil {
		t.Fatal(err)
	}
	zeros, err := archive.Store(&head, "files/zeros.pdf", nil)
	if err != nil {
		t.Fatal(err)
	}
	for zeros.Size = upload.MaxSize - 1<<16; ; { // until it fits: what follows depends on its size
		zeros.SHA256, zeros.CRC = digests(t, zeros.Size)
		zeros.Packed = zeros.Size
		tail.Reset()
		finished(t, k, &tail, of.Manifest, passports, zeros)
		left := upload.MaxSize - int64(head.Len()) - zeros.Size - int64(tail.Len())
		if left == 0 {
			break
		}
		zeros.Size += left
	}
	path = filepath.Join(t.TempDir(), "largest.zip")
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(head.Bytes())
	}
	if err == nil {
		_, err = f.WriteAt(tail.Bytes(), upload.MaxSize-int64(tail.Len()))
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	whole := sha256.New()
	if err == nil {
		_, err = io.Copy(whole, f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path, whole.Sum(nil)
}

// digests are those of so many zeros.
func digests(t *testing.T, size int64) (hash string, crc uint32) {
	t.Helper()
	sum, check, zeros := sha256.New(), crc32.NewIEEE(), make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(zeros)) {
		piece := zeros[:min(left, int64(len(zeros)))]
		sum.Write(piece)
		check.Write(piece)
	}
	return hex.EncodeToString(sum.Sum(nil)), check.Sum32()
}

// finished writes the end of an archive: manifest, signature of the platform and directory.
func finished(t *testing.T, k *testkit.Kit, out *bytes.Buffer, m archive.Manifest, members ...archive.Member) {
	t.Helper()
	m.Members, m.Schemas = archive.List(members), nil
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := auditing.Signer(k.App.App).Sign(access.As(k.AsFunction("package-export"), id.Tenant(m.Tenant)), archive.Message(manifest))
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []struct {
		name string
		data []byte
	}{{archive.ManifestName, manifest}, {archive.SignatureName, []byte(base64.StdEncoding.EncodeToString(signature))}} {
		one, err := archive.Store(out, last.name, last.data)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, one)
	}
	if err := archive.Directory(out, members); err != nil {
		t.Fatal(err)
	}
}

// peak is the most memory that a process has had, in MB (Linux).
func peak(t *testing.T, process string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest + " 0")[0])
	if err != nil {
		t.Fatal(err)
	}
	return n >> 10
}
