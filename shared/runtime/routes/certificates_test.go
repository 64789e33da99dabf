package routes_test

import (
	"context"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestCertificate hands a certificate out to whoever has its secret, as a page and as the signed file, and tells nobody
// else whether there is one.
func TestCertificate(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	tenant, _ := k.Tenant(t, "Gone")
	ctx, name, secret := context.Background(), string(id.New[id.Entry](k.App.IDs())), "a secret that was mailed"
	d := certificate.Document{
		Format: certificate.Format, ID: name, Tenant: certificate.Pseudonym(string(tenant), secret), T0: k.Clock.Now(), Template: "sha-256:deployed",
		Stores: []certificate.Store{{Name: "records", Before: 12, Deleted: 12}}, Passports: certificate.Passports{Kept: []certificate.Kept{{Kind: "custody", Group: "battery", Count: 3}}, Listed: []certificate.Place{}},
		Holds: []certificate.Hold{}, Exceptions: []certificate.Exception{{What: "Invoices", Act: "Act", Article: "1", Why: "Tax law."}}, History: []certificate.Event{},
	}
	head, _ := auditlog.Head{Alias: "alias"}.Append([]byte("the end"))
	leaf, signedAt := head.Root(), k.Clock.Now()
	checkpoint, err := auditlog.Sign(ctx, auditing.Signer(k.App.App), auditlog.Checkpoint(head, signedAt))
	if err != nil {
		t.Fatal(err)
	}
	d.Log = &certificate.Log{SignedAt: signedAt, Proof: auditlog.Proof{Leaf: leaf[:], Path: [][]byte{}, Checkpoint: checkpoint}}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := auditing.Signer(k.App.App).Sign(ctx, certificate.Message(text))
	if err != nil {
		t.Fatal(err)
	}
	row := lifecycle.CertificateRow{ID: name, Secret: retention.HashSecret(secret), Document: text, Signature: signature, At: k.Clock.Now()}
	if err := k.App.Certificates().Retire(ctx, lifecycle.New(tenant, lifecycle.Current()), row); err != nil {
		t.Fatal(err)
	}
	at := "/trust/certificates/" + name
	if w := k.Do(t, "GET", at, "", "", "Accept", "text/html"); w.Code != 200 || !strings.Contains(w.Body.String(), `name="secret"`) || strings.Contains(w.Body.String(), "battery") {
		t.Errorf("asking: %d", w.Code)
	}
	w := k.Do(t, "POST", at, "", `{"secret":"`+secret+`"}`, "Accept", "application/json")
	document, sig, err := certificate.Open(w.Body.Bytes())
	if err != nil || w.Code != 200 || string(document) != string(text) || string(sig) != string(signature) {
		t.Errorf("file: %d %v", w.Code, err)
	}
	w = k.Do(t, "POST", at, "", "secret="+strings.ReplaceAll(secret, " ", "+"), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded")
	for _, want := range []string{"Not everything was as promised", "records", "Passports kept in custody, battery", "Invoices", "Tax law.", "Signed in the audit log", "As entry 0", "sha-256:deployed"} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("page: %d, without %q", w.Code, want)
		}
	}
	absent := strings.Replace(at, name, "0199aaaa-0000-7000-8000-00000000000a", 1)
	wrong, none := k.Do(t, "POST", at, "", `{"secret":"guessed"}`), k.Do(t, "POST", absent, "", `{"secret":"guessed"}`)
	a, b := answer(t, wrong, 404), answer(t, none, 404)
	if a["detail"] != b["detail"] || a["code"] != "certificate-not-found" {
		t.Errorf("%v %v", a, b)
	}
	if w := k.Do(t, "POST", at, "", "secret=guessed", "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded"); w.Code != 404 || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("a wrong secret in the form: %d", w.Code)
	}
	for n := int64(1); ; n++ { // a storage that does not answer is told, not that there is no certificate
		s.arm(n, false)
		w := k.Do(t, "POST", at, "", `{"secret":"`+secret+`"}`, "Accept", "application/json")
		calls := s.calls.Load()
		s.arm(0, false)
		if calls < n {
			if w.Code != 200 || n == 1 {
				t.Errorf("%d after %d calls", w.Code, calls)
			}
			break
		}
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "sabotage") {
			t.Errorf("call %d: %d %s", n, w.Code, w.Body)
		}
	}
}
