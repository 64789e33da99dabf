package certificate_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
)

const day = 24 * time.Hour

// good is a certificate that keeps every promise.
func good() certificate.Document {
	t0 := time.Date(2028, 2, 1, 9, 30, 0, 5, time.UTC)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	sealed := at(31*day + 3*time.Hour)
	deleting := sealed.Add(25 * time.Hour)
	clear := deleting.Add(26 * time.Hour)
	residual := clear.Add(29 * day)
	receipt := &certificate.Receipt{Provider: "a <storage>", Method: "It was emptied & counted.", At: clear}
	return certificate.Document{
		Format: certificate.Format, ID: "c", Tenant: certificate.Pseudonym("t", "s"),
		Policy: certificate.Policy{Version: "2026-10", Window: 2592000, Drain: 90000, Between: 86400, Active: 5184000, Residual: 7776000, Backup: 2419200, Keys: 604800},
		Law:    "2026-10", Template: "sha-256:template", NoticedAt: t0, T0: t0, NotBefore: at(31 * day), SealedAt: sealed, DrainUntil: deleting, PlanHash: "sha-256:plan", DeletingAt: deleting,
		FirstDestructive: deleting.Add(time.Minute), LastDestructive: deleting.Add(time.Hour), FirstVerified: deleting.Add(time.Hour), SecondVerified: deleting.Add(25 * time.Hour),
		ActiveClearAt: clear, ActiveBy: at(60 * day), KeysDestroyedAt: clear.Add(time.Hour), OldestBackup: clear.Add(day),
		ResidualClearAt: residual, ResidualBy: at(90 * day), LastVerified: residual.Add(time.Hour), IssuedAt: residual.Add(2 * time.Hour),
		Stores: []certificate.Store{
			{Name: "records", Before: 5, Deleted: 5, DoneAt: clear, Receipt: receipt}, {Name: "keys", Before: 1, Deleted: 1, DoneAt: clear.Add(time.Hour), Receipt: receipt},
		},
		Log:        &certificate.Log{SignedAt: at(time.Hour), Proof: auditlog.Proof{Leaf: []byte{1}, Path: [][]byte{}, Checkpoint: "c"}},
		Passports:  certificate.Passports{Count: 2, Digest: "sha-256:list", Kept: []certificate.Kept{{Kind: "custody", Group: "battery", Count: 1}}, Listed: []certificate.Place{{Passport: "p", Kind: "custody", Act: "a", Article: "1"}}},
		Holds:      []certificate.Hold{{Scope: "passport", Act: "a", Article: "1", ApprovedAt: at(32 * day), ReleasedAt: at(33 * day)}},
		Exceptions: []certificate.Exception{{What: "invoices", Act: "a", Article: "1", Why: "tax"}},
		History:    []certificate.Event{{Event: "tenant.sealed", At: sealed}},
	}
}

// TestViolations breaks one promise after the other, and wants each to be named.
func TestViolations(t *testing.T) {
	if v := good().Violations(); v != nil {
		t.Fatalf("a good one: %v", v)
	}
	late := func(d *certificate.Document, by time.Duration) {
		if d.Holds[0].ReleasedAt.Before(d.T0.Add(40 * day)) {
			d.Holds = nil // it would give more time
		}
		d.ActiveClearAt, d.KeysDestroyedAt, d.OldestBackup = d.T0.Add(by), d.T0.Add(by+time.Hour), time.Time{}
		d.ResidualClearAt, d.LastVerified, d.IssuedAt = d.T0.Add(by+29*day), d.T0.Add(by+30*day), d.T0.Add(by+31*day)
	}
	for _, c := range []struct {
		say  string
		edit func(*certificate.Document)
	}{
		{"less than 30 days", func(d *certificate.Document) { d.SealedAt = d.T0.Add(30*day - 1) }},
		{"less than 30 days", func(d *certificate.Document) {
			d.SealedAt = d.T0.Add(5 * day)
			d.NotBefore = d.SealedAt
			d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.T0.Add(2*day + 1)}
		}},
		{"the seal comes before the end of the window", func(d *certificate.Document) { d.NotBefore = d.SealedAt.Add(1) }},
		{"before the drain of 25 hours", func(d *certificate.Document) { d.DeletingAt = d.SealedAt.Add(25*time.Hour - 1) }},
		{"before the deletion began", func(d *certificate.Document) { d.FirstDestructive = d.DeletingAt.Add(-1) }},
		{"does not prove that the end", func(d *certificate.Document) { d.Log = nil }},
		{"the checkpoint that proves", func(d *certificate.Document) { d.Log.SignedAt = d.DeletingAt.Add(1 - 30*day) }},
		{"the checkpoint that proves", func(d *certificate.Document) { // the consent, later than 72 hours before
			d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.T0, Log: &certificate.Log{SignedAt: d.DeletingAt.Add(1 - 72*time.Hour)}}
		}},
		{"the checkpoint that proves the end of the contract", func(d *certificate.Document) {
			d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.T0, Log: d.Log}
			d.Log = &certificate.Log{SignedAt: d.DeletingAt.Add(1 - 72*time.Hour)}
		}},
		{"does not prove that the consent", func(d *certificate.Document) {
			d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.T0}
		}},
		{"not a day", func(d *certificate.Document) { d.SecondVerified = d.FirstVerified.Add(day - 1) }},
		{"the first verification is missing", func(d *certificate.Document) { d.FirstVerified = time.Time{} }},
		{"comes before the second verification", func(d *certificate.Document) { d.ActiveClearAt = d.SecondVerified.Add(-1) }},
		{"the active systems were clear", func(d *certificate.Document) { late(d, 60*day+1) }},
		{"residual copies were gone", func(d *certificate.Document) {
			d.Holds = nil
			d.ResidualClearAt = d.T0.Add(90*day + 1)
			d.LastVerified, d.IssuedAt = d.ResidualClearAt, d.ResidualClearAt
		}},
		{"a backup from", func(d *certificate.Document) { d.OldestBackup = d.ActiveClearAt }},
		{"nobody counted again", func(d *certificate.Document) { d.LastVerified = d.ResidualClearAt.Add(-1) }},
		{"1 items are left in store records", func(d *certificate.Document) { d.Stores[0].After = 1 }},
		{"store records was not finished", func(d *certificate.Document) { d.Stores[0].DoneAt = time.Time{} }},
		{"no evidence", func(d *certificate.Document) { d.Stores[1].Receipt = nil }},
		{"twice", func(d *certificate.Document) { d.Stores[1].Name = "records" }},
		{"names no store", func(d *certificate.Document) { d.Stores = nil }},
		{"keys were not destroyed", func(d *certificate.Document) { d.KeysDestroyedAt = time.Time{} }},
		{"keys were destroyed before", func(d *certificate.Document) { d.KeysDestroyedAt = d.ActiveClearAt.Add(-1) }},
		{"still in force", func(d *certificate.Document) { d.Holds[0].ReleasedAt = time.Time{} }},
		{"a hold names no act", func(d *certificate.Document) { d.Holds[0].Act = "" }},
		{"kept without an act", func(d *certificate.Document) { d.Passports.Listed[0].Article = "" }},
		{"no basis: invoices", func(d *certificate.Document) { d.Exceptions[0].Act = "" }},
		{"whose plan", func(d *certificate.Document) { d.PlanHash = "" }},
		{"under which policy", func(d *certificate.Document) { d.Policy.Version = "" }},
		{"what was deployed", func(d *certificate.Document) { d.Template = "" }},
		{"which state of the law", func(d *certificate.Document) { d.Law = "" }},
		{"the issue comes before", func(d *certificate.Document) { d.IssuedAt = d.ResidualClearAt.Add(-1) }},
	} {
		d := good()
		c.edit(&d)
		if v := strings.Join(d.Violations(), "; "); !strings.Contains(v, c.say) {
			t.Errorf("%q is not named in: %s", c.say, v)
		}
	}
	for name, edit := range map[string]func(*certificate.Document){
		"at the last instants": func(d *certificate.Document) {
			late(d, 60*day)
			d.ResidualClearAt = d.T0.Add(90 * day)
			d.LastVerified = d.ResidualClearAt
		},
		"after a hold": func(d *certificate.Document) {
			d.Holds[0].ReleasedAt = d.T0.Add(100 * day)
			late(d, 130*day)
		},
		"an early end": func(d *certificate.Document) {
			back := 20 * day
			for _, at := range []*time.Time{&d.NotBefore, &d.SealedAt, &d.DrainUntil, &d.DeletingAt, &d.FirstDestructive} {
				*at = at.Add(-back)
			}
			d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.SealedAt.Add(-3 * day), Log: &certificate.Log{SignedAt: d.DeletingAt.Add(-3 * day)}}
			d.Log.SignedAt = d.DeletingAt.Add(-3 * day)
		},
		"opened again": func(d *certificate.Document) {
			d.KeysDestroyedAt = d.ActiveClearAt.Add(-time.Hour)
			d.History = append(d.History, certificate.Event{Event: "tenant.deletion-reopened", At: d.DeletingAt})
		},
		"nothing there": func(d *certificate.Document) { d.FirstDestructive, d.LastDestructive = time.Time{}, time.Time{} },
	} {
		d := good()
		edit(&d)
		if v := d.Violations(); v != nil {
			t.Errorf("%s: %v", name, v)
		}
	}
	d := good()
	d.Holds[0].ReleasedAt = d.T0.Add(100 * day)
	late(&d, 130*day+1)
	if v := d.Violations(); len(v) != 1 {
		t.Errorf("a moment after what a hold allows: %v", v)
	}
}

func sign(t testing.TB, key *ecdsa.PrivateKey, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// logKey signs checkpoints.
type logKey struct{ *ecdsa.PrivateKey }

// Sign implements auditlog.Signer.
func (k logKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.PrivateKey, sum[:])
}

// PublicKey implements auditlog.Signer.
func (k logKey) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.PrivateKey.PublicKey)
}

// logged is a good certificate with the proof of the first of two entries, signed with a key, and the proof as it is kept.
func logged(t testing.TB, key *ecdsa.PrivateKey) (certificate.Document, string) {
	t.Helper()
	d := good()
	one, _ := auditlog.Head{Alias: "alias"}.Append([]byte("the end"))
	other, _ := auditlog.Head{}.Append([]byte("something else"))
	both, _ := one.Append([]byte("something else"))
	at := d.T0.Add(time.Hour).Truncate(time.Second)
	signed, err := auditlog.Sign(t.Context(), logKey{key}, auditlog.Checkpoint(both, at))
	if err != nil {
		t.Fatal(err)
	}
	leaf, path := one.Root(), other.Root()
	kept, err := json.Marshal(auditlog.Proof{Leaf: leaf[:], Path: [][]byte{path[:]}, Checkpoint: signed})
	if err != nil {
		t.Fatal(err)
	}
	if d.Log, err = certificate.LogOf(string(kept)); err != nil {
		t.Fatal(err)
	}
	return d, string(kept)
}

// TestWrongLog signs certificates whose proof from the audit log is wrong, and holds that the signature of the whole does
// not make it good.
func TestWrongLog(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(d certificate.Document) (certificate.Document, error) {
		t.Helper()
		text, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return certificate.Verify(text, sign(t, key, certificate.Message(text)), &key.PublicKey)
	}
	for name, edit := range map[string]func(*certificate.Document){
		"another leaf":       func(d *certificate.Document) { d.Log.Leaf = d.Log.Path[0] },
		"another number":     func(d *certificate.Document) { d.Log.Index = 1 },
		"a number behind it": func(d *certificate.Document) { d.Log.Index = 2 },
		"no path":            func(d *certificate.Document) { d.Log.Path = nil },
		"another path":       func(d *certificate.Document) { d.Log.Path[0] = d.Log.Leaf },
		"another instant":    func(d *certificate.Document) { d.Log.SignedAt = d.Log.SignedAt.Add(-time.Second) },
		"signed by a thief":  func(d *certificate.Document) { *d, _ = logged(t, thief) },
		"nothing in it":      func(d *certificate.Document) { d.Log = &certificate.Log{} },
	} {
		d, _ := logged(t, key)
		edit(&d)
		if got, err := verify(d); err == nil || !strings.Contains(err.Error(), "audit log is wrong") || got.ID != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	early := func(consent *certificate.Log) error {
		d, _ := logged(t, key)
		d.Expedited = &certificate.Expedited{AskedAt: d.T0, ConfirmedAt: d.T0, Log: consent}
		_, err := verify(d)
		return err
	}
	d, kept := logged(t, key)
	behind := *d.Log
	behind.Index, behind.Leaf, behind.Path = 1, d.Log.Path[0], [][]byte{d.Log.Leaf}
	if err := early(&behind); err != nil {
		t.Errorf("a consent after the end of the contract: %v", err)
	}
	if err := early(d.Log); err == nil || !strings.Contains(err.Error(), "does not follow") {
		t.Errorf("the end of the contract as the consent: %v", err)
	}
	forged := behind
	forged.Leaf = d.Log.Leaf
	if err := early(&forged); err == nil || !strings.Contains(err.Error(), "audit log is wrong") {
		t.Errorf("a consent that is not in the log: %v", err)
	}
	if got, err := verify(d); err != nil || got.Violations() != nil || cmp.Diff(d, got) != "" {
		t.Errorf("the good one: %v, %v, %s", err, got.Violations(), cmp.Diff(d, got))
	}
	for _, bad := range []string{"{", "{}", strings.Replace(kept, "checkpoint", "chekpoint", 1), strings.ReplaceAll(kept, `\n\n`, `\n`)} {
		if l, err := certificate.LogOf(bad); err == nil {
			t.Errorf("%s is %+v", bad, l)
		}
	}
	if l, err := certificate.LogOf(""); l != nil || err != nil {
		t.Errorf("none is %+v, %v", l, err)
	}
}

// TestVerify holds that a certificate survives being written and read, and that nothing in it can be changed.
func TestVerify(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fine, _ := logged(t, key)
	text, err := fine.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sig := sign(t, key, certificate.Message(text))
	packed, err := certificate.Pack(text, sig)
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, packed, "", "  "); err != nil {
		t.Fatal(err)
	}
	for _, file := range [][]byte{packed, pretty.Bytes()} {
		document, signature, err := certificate.Open(file)
		if err != nil || !bytes.Equal(document, text) {
			t.Fatalf("%v: %s", err, document)
		}
		d, err := certificate.Verify(document, signature, &key.PublicKey)
		if diff := cmp.Diff(fine, d); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	}
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if _, err := certificate.Verify(changed, sig, &key.PublicKey); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	big, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	reordered := append([]byte(" "), text...)
	unknown := bytes.Replace(text, []byte(`{`), []byte(`{"a":1,`), 1)
	format := bytes.Replace(text, []byte(certificate.Format), []byte("passportcraft-deletion-certificate/2"), 1)
	for name, c := range map[string]struct {
		document, signature []byte
		key                 *ecdsa.PublicKey
	}{
		"another key":          {text, sig, &other.PublicKey},
		"another curve":        {text, sign(t, big, certificate.Message(text)), &big.PublicKey},
		"signed for something": {text, sign(t, key, text), &key.PublicKey},
		"no signature":         {text, nil, &key.PublicKey},
		"written otherwise":    {reordered, sign(t, key, certificate.Message(reordered)), &key.PublicKey},
		"an unknown member":    {unknown, sign(t, key, certificate.Message(unknown)), &key.PublicKey},
		"another format":       {format, sign(t, key, certificate.Message(format)), &key.PublicKey},
		"no JSON":              {[]byte("x"), sign(t, key, certificate.Message([]byte("x"))), &key.PublicKey},
	} {
		if _, err := certificate.Verify(c.document, c.signature, c.key); err == nil {
			t.Errorf("%s is taken for good", name)
		}
	}
	for _, file := range []string{"", "{}", `{"certificate":{},"signature":"","more":1}`, string(packed) + "{}", `[]`, strings.Repeat(" ", certificate.MaxFile+1)} {
		document, signature, err := certificate.Open([]byte(file))
		if err == nil {
			_, err = certificate.Verify(document, signature, &key.PublicKey)
		}
		if err == nil {
			t.Errorf("%.40q is taken for a certificate", file)
		}
	}
}

// TestPseudonym holds that both the identifier and the secret are needed.
func TestPseudonym(t *testing.T) {
	seen := map[string]bool{}
	for _, tenant := range []string{"a", "b", ""} {
		for _, secret := range []string{"s", "r"} {
			p := certificate.Pseudonym(tenant, secret)
			if seen[p] || p != certificate.Pseudonym(tenant, secret) || len(p) < 64 {
				t.Errorf("%q under %q: %s", tenant, secret, p)
			}
			seen[p] = true
		}
	}
}

func FuzzOpen(f *testing.F) {
	text, err := good().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	packed, err := certificate.Pack(text, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add([]byte(`{"certificate":{"a":[1,2,{"b":null}]},"signature":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		document, signature, err := certificate.Open(b)
		if err != nil {
			return
		}
		again, err := certificate.Pack(document, signature)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _, err := certificate.Open(again); err != nil || !bytes.Equal(twice, document) {
			t.Fatalf("%v: %q after %q", err, twice, document)
		}
	})
}
