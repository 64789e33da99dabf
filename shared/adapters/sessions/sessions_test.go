package sessions_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/sessions"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// service is the wire of the Security Token Service: it counts and remembers what it is asked.
type service struct {
	mu     sync.Mutex
	asked  []url.Values
	broken string // "", "down" or "empty"
	now    clock.Clock
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, err
	}
	s.asked = append(s.asked, form)
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch s.broken {
	case "down":
		return answer(403, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`)
	case "empty":
		return answer(200, `<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>`)
	}
	n := len(s.asked)
	return answer(200, fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
		<AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
		</Credentials></AssumeRoleResult></AssumeRoleResponse>`, n, s.now().Add(time.Hour).UTC().Format(time.RFC3339)))
}

type roleKey struct{}

const one, two = id.Tenant("01a3c7ab-7680-7000-8000-000000000001"), id.Tenant("01a3c7ab-7680-7000-8000-000000000002")

func open() (*sessions.Provider, *service, *clock.Movable, *[]string) {
	now := clock.NewMovable(clock.Fixed(time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)))
	s := &service{now: now.Now}
	var observed []string
	identity := func(ctx context.Context) (aws.Credentials, string) {
		role, _ := ctx.Value(roleKey{}).(string)
		return aws.Credentials{AccessKeyID: "AKIAOWN", SecretAccessKey: "s"}, role
	}
	p := sessions.New(aws.Config{Region: "eu-west-1", HTTPClient: s, RetryMaxAttempts: 1}, "", identity, now.Now, func(_ context.Context, operation string, _ float64) { observed = append(observed, operation) })
	return p, s, now, &observed
}

func in(role string, t id.Tenant) context.Context {
	return access.As(context.WithValue(context.Background(), roleKey{}, role), t)
}

func key(t *testing.T, p *sessions.Provider, ctx context.Context) string {
	t.Helper()
	c, err := p.Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c.AccessKeyID
}

// TestSessions holds whose credentials a call gets, that a session is fetched once, and what is asked for it.
func TestSessions(t *testing.T) {
	p, s, now, observed := open()
	if got := key(t, p, context.Background()); got != "AKIAOWN" {
		t.Errorf("without a tenant: %s", got)
	}
	if got := key(t, p, access.As(context.Background(), one)); got != "AKIAOWN" {
		t.Errorf("without a role: %s", got)
	}
	if len(s.asked) != 0 {
		t.Errorf("asked %d times for nothing", len(s.asked))
	}
	first := key(t, p, in("role", one))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = p.Retrieve(in("role", two)) })
	}
	wg.Wait()
	if got := key(t, p, in("role", one)); got != first || first != "ASIA1" {
		t.Errorf("again: %s, %s", first, got)
	}
	if got := key(t, p, in("other", one)); got != "ASIA3" {
		t.Errorf("another role's: %s", got)
	}
	if got := key(t, p, in("role", two)); got != "ASIA2" || len(s.asked) != 3 || len(*observed) != 3 {
		t.Errorf("another tenant's: %s after %d calls", got, len(s.asked))
	}
	want := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {"role"}, "RoleSessionName": {string(one)}, "DurationSeconds": {"3600"},
		"Tags.member.1.Key": {"tenant"}, "Tags.member.1.Value": {string(one)},
	}
	if d := cmp.Diff(want, s.asked[0]); d != "" {
		t.Error(d)
	}
	now.Advance(time.Hour - sessions.Spare - time.Second)
	if got := key(t, p, in("role", one)); got != first {
		t.Errorf("fetched too early: %s", got)
	}
	now.Advance(time.Second)
	if got := key(t, p, in("role", one)); got == first {
		t.Error("not fetched before its end")
	}
}

// TestOutage holds that a session is used to its end while no other is to be had, and that there is never one without a
// tenant's credentials: a failure is a failure.
func TestOutage(t *testing.T) {
	for _, broken := range []string{"down", "empty"} {
		p, s, now, _ := open()
		first := key(t, p, in("role", one))
		s.broken = broken
		now.Advance(59 * time.Minute)
		if got := key(t, p, in("role", one)); got != first {
			t.Errorf("%s: a good session is given up: %s", broken, got)
		}
		now.Advance(time.Minute)
		if c, err := p.Retrieve(in("role", one)); err == nil {
			t.Errorf("%s: %+v", broken, c)
		}
		if c, err := p.Retrieve(in("role", two)); err == nil || c.AccessKeyID != "" {
			t.Errorf("%s: a call for a tenant gets %+v", broken, c)
		}
	}
}

// TestAddressesOutliveNoSession holds that an address signed in a kept session is good for as long as it is said to be.
func TestAddressesOutliveNoSession(t *testing.T) {
	for what, life := range map[string]time.Duration{"package": export.LinkFor, "upload": upload.Life, "report": intake.ReportFor} {
		if life > sessions.Spare {
			t.Errorf("the address of a %s is promised for %s, and its session may end after %s", what, life, sessions.Spare)
		}
	}
}
