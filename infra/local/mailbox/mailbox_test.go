package mailbox_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/infra/local/mailbox"
	"github.com/passportcraft/passportcraft/shared/adapters/mail"
	"github.com/passportcraft/passportcraft/shared/domain/member"
)

// TestMailArrives sends with the product's own adapter, the real client of SES, and looks at the page; a second opening
// finds the mail again.
func TestMailArrives(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)
	box, err := mailbox.Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.SES())
	defer server.Close()
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})}
	calls := 0
	post := mail.Open(cfg, server.URL+"/local/mail", "passports@example.com", func(context.Context, string, float64) { calls++ })
	for i, text := range []string{"older", "Grüße <b>nobody</b>\nhttps://passports.example/invitation#pci_x_y \"quoted\""} {
		now = now.Add(time.Minute)
		if err := post.Send(t.Context(), member.Mail{To: "a@example.com", Subject: "Invitation " + string(rune('1'+i)), Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := post.Send(t.Context(), member.Mail{To: "a@example.com", Text: "no subject"}); err == nil || strings.Contains(err.Error(), "no subject") {
		t.Errorf("a mail without a subject: %v", err)
	}
	again, err := mailbox.Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	all, err := again.Messages()
	if err != nil || len(all) != 2 || all[0].Subject != "Invitation 2" || all[0].From != "passports@example.com" || all[0].To[0] != "a@example.com" || calls != 3 {
		t.Fatalf("%+v %v, %d calls", all, err, calls)
	}
	w := httptest.NewRecorder()
	again.View().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	page := w.Body.String()
	if !strings.Contains(page, `<a href="https://passports.example/invitation#pci_x_y">`) || strings.Contains(page, "<b>nobody") || strings.Index(page, "Invitation 2") > strings.Index(page, "Invitation 1") {
		t.Errorf("the page: %s", page)
	}
}
