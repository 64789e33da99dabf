// Package mailbox stands in for Amazon SES on this machine: it takes mail in the wire shape of SES (version 2, SendEmail
// with simple content), keeps it on disk and shows it on a page. Nothing leaves the machine.
package mailbox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Message is one mail.
type Message struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

// Mailbox keeps mail in a folder.
type Mailbox struct {
	dir string
	now func() time.Time
	mu  sync.Mutex
}

// maxMail is the largest mail that SES takes without an increased quota, in bytes.
const maxMail = 10 << 20

// Open opens or makes the mailbox in a folder.
func Open(dir string, now func() time.Time) (*Mailbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the mailbox cannot be made: %w", err)
	}
	return &Mailbox{dir: dir, now: now}, nil
}

// Messages lists all mail, newest first.
func (m *Mailbox) Messages() ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(m.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Message
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var one Message
		if err := json.Unmarshal(b, &one); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Message) int { return b.At.Compare(a.At) })
	return all, nil
}

// SES answers SES's SendEmail at POST …/v2/email/outbound-emails.
func (m *Mailbox) SES() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, address, ok := strings.Cut(r.URL.Path, "/v2/email/suppression/addresses"); ok {
			m.suppression(w, r, strings.TrimPrefix(address, "/"))
			return
		}
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v2/email/outbound-emails") {
			refuse(w, http.StatusNotFound, "NotFoundException", "only SendEmail and the list of suppressed addresses are served here")
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxMail+1))
		if err != nil || len(body) > maxMail {
			refuse(w, http.StatusBadRequest, "MessageRejected", "the mail is too large")
			return
		}
		var in struct {
			FromEmailAddress string
			Destination      struct{ ToAddresses []string }
			Content          struct {
				Simple struct {
					Subject struct{ Data string }
					Body    struct{ Text struct{ Data string } }
				}
			}
		}
		if err := json.Unmarshal(body, &in); err != nil || in.FromEmailAddress == "" || len(in.Destination.ToAddresses) == 0 || in.Content.Simple.Subject.Data == "" {
			refuse(w, http.StatusBadRequest, "BadRequestException", "sender, recipient, subject and text are needed")
			return
		}
		one := Message{ID: identifier(), At: m.now().UTC(), From: in.FromEmailAddress, To: in.Destination.ToAddresses, Subject: in.Content.Simple.Subject.Data, Text: in.Content.Simple.Body.Text.Data}
		if err := m.keep(one); err != nil {
			refuse(w, http.StatusInternalServerError, "InternalServiceErrorException", "the mail could not be kept")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": one.ID})
	})
}

func (m *Mailbox) keep(one Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := json.MarshalIndent(one, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, one.ID+".json"), b, 0o600)
}

func identifier() string {
	b := make([]byte, 12)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand never fails
	}
	return hex.EncodeToString(b)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// View shows all mail on one page, text as text with its addresses to click on.
func (m *Mailbox) View() http.Handler {
	link := regexp.MustCompile(`https?://[^\s<>"]+`)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all, err := m.Messages()
		if err != nil {
			http.Error(w, "the mailbox cannot be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("Cache-Control", "no-store")
		var b strings.Builder
		b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mailbox</title><style>body{font:1rem/1.5 system-ui;max-width:46rem;margin:1rem auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:1rem}</style><h1>Mailbox of this machine</h1>`)
		if len(all) == 0 {
			b.WriteString("<p>No mail yet. What the platform would send with Amazon SES appears here.</p>")
		}
		for _, one := range all {
			text := link.ReplaceAllStringFunc(html.EscapeString(one.Text), func(s string) string { return `<a href="` + s + `">` + s + `</a>` })
			fmt.Fprintf(&b, "<article><h2>%s</h2><p>to %s, %s</p><pre>%s</pre></article>", html.EscapeString(one.Subject), html.EscapeString(strings.Join(one.To, ", ")), one.At.Format("2 January 2006 15:04 MST"), text)
		}
		_, _ = io.WriteString(w, b.String())
	})
}
