package dispositions

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const one = id.Passport("0199bbbb-0000-7000-8000-00000000000b")

// failing is a store of passports that answers with one error.
type failing struct {
	disposition.Passports
	err error
}

func (f failing) Passport(context.Context, id.Tenant, id.Passport) (passport.Passport, error) {
	return passport.Passport{}, f.err
}

// TestOneOfMany holds that what is refused of one passport is told of that one, with the fields, and that a failure of the
// platform is one of the whole request, of which then nobody thinks that it was carried out.
func TestOneOfMany(t *testing.T) {
	fields := fault.Field{Pointer: "/recycledAt", Code: fault.CodeDisposition, Detail: "in the past"}
	for _, tc := range []struct {
		name string
		err  error
		code fault.Code // of the result; "" where the request fails
	}{
		{"absent", passport.NotFound(), fault.CodePassportNotFound},
		{"refused", fault.New(fault.CodeDisposition, "No.").With(fields), fault.CodeDisposition},
		{"stale", fault.New(fault.CodeRevisionStale, "No."), fault.CodeRevisionStale},
		{"storage", fault.New(fault.CodeUnavailable, "Later."), ""},
		{"too fast", fault.New(fault.CodeRateLimited, "Later."), ""},
		{"a mistake of ours", errors.New("boom"), ""},
	} {
		s := &disposition.Service{Passports: failing{err: tc.err}}
		got, err := say(t.Context(), s, access.Caller{}, one, disposition.Saying{})
		switch {
		case tc.code == "" && (!errors.Is(err, tc.err) || got.Code != ""):
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		case tc.code != "" && (err != nil || got.Code != tc.code || got.Passport != one || got.Outlook != nil || got.Detail == ""):
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		case tc.name == "refused" && (len(got.Errors) != 1 || got.Errors[0] != fields):
			t.Errorf("%s: %+v", tc.name, got.Errors)
		}
	}
}

// TestSaid holds what is read of what was said: nothing when nothing was, and that somebody has declared a hand-over only
// when somebody has.
func TestSaid(t *testing.T) {
	at := time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)
	d := lifecycle.Disposition{Passport: one, Kind: lifecycle.Custody, Why: "why"}
	product, err := identifier.Parse("https://id.gs1.org/01/09506000134352")
	if err != nil {
		t.Fatal(err)
	}
	const front = `{"productIdentifier":"https://id.gs1.org/01/09506000134352","passport":"` + string(one) + `","kind":"custody","why":"why"`
	for _, tc := range []struct {
		name string
		c    lifecycle.Choice
		want string
	}{
		{"nothing", lifecycle.Choice{}, front + `}`},
		{"recycled", lifecycle.Choice{RecycledAt: at}, front + `,"said":{"recycledAt":"2027-02-18T09:00:00Z"}}`},
		{"a successor", lifecycle.Choice{SuccessorURL: "https://x.example/"}, front + `,"said":{"successorUrl":"https://x.example/"}}`},
		{"handed over", lifecycle.Choice{SuccessorURL: "https://x.example/", DeclaredBy: "person:a", DeclaredAt: at},
			front + `,"said":{"successorUrl":"https://x.example/","handedOver":true,"declaredBy":"person:a","declaredAt":"2027-02-18T09:00:00Z"}}`},
	} {
		got, err := json.Marshal(show(disposition.Outlook{Product: product, Disposition: d, Choice: tc.c}))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v", tc.name, got, err)
		}
	}
	in := saying{"https://x.example/", true, at}
	if got := in.domain(); got != (disposition.Saying{SuccessorURL: "https://x.example/", HandedOver: true, RecycledAt: at}) {
		t.Errorf("%+v", got)
	}
}
