package member

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Eraser has a person deleted: their row, their key, and with it name and mail address wherever they are sealed, their ways
// to sign in, their user at the sign-in service. It is asked once; asking again changes nothing. It returns until when that
// is done at the latest.
type Eraser interface {
	Erase(ctx context.Context, p id.Person, asked time.Time) (by time.Time, err error)
}

// Erase ends the person's memberships and has their account deleted (Regulation (EU) 2016/679, article 17). It is refused
// while an organisation has no other owner, and while a legal hold keeps the person (article 17(3)); nothing has changed
// then. What they did stays in the history of their organisations under an identifier that leads nowhere any more. It may
// be called again when it was interrupted.
func (a *Accounts) Erase(ctx context.Context, self Self) (by time.Time, err error) {
	if self.Person == "" {
		return by, noProfile()
	}
	tenants, err := a.People.Organisations(ctx, self.Person)
	if err != nil {
		return by, err
	}
	var leave []Standing
	for _, t := range tenants {
		st, err := a.leaving(access.As(ctx, t), self, t)
		if err != nil {
			return by, err
		}
		if st != nil {
			leave = append(leave, *st)
		}
	}
	for _, st := range leave {
		t := st.Tenant.ID
		by := access.Caller{Tenant: t, Actor: "person:" + string(self.Person), Role: st.Member.Role, Request: self.Request, At: self.At}
		entry := audit.New(a.IDs, by, audit.AccountErased, "person:"+string(self.Person), "", "").With("from", string(st.Member.Role))
		if err := a.Members.Remove(access.As(ctx, t), Change{Before: st.Member, Entry: entry, Notice: audit.NoticeOf(a.IDs, entry)}); err != nil {
			return self.At, err
		}
	}
	return a.Eraser.Erase(ctx, self.Person, self.At)
}

// leaving is the membership that ends first, nil for one that ends with its organisation or has ended. It refuses what
// stands against the deletion of the person.
func (a *Accounts) leaving(ctx context.Context, self Self, t id.Tenant) (*Standing, error) {
	st, err := a.Members.Standing(ctx, t, self.Person)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	holds, err := a.Holds.Of(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := lifecycle.Blocked(holds, lifecycle.Target{Tenant: t, User: self.Person, Keys: true}); err != nil {
		return nil, err
	}
	if lifecycle.Behind(st.Tenant.Door(), self.At).Closed() {
		return nil, nil
	}
	if st.Member.Role == access.Owner && st.Tenant.Owners == 1 {
		return nil, LastOwner()
	}
	return &st, nil
}
