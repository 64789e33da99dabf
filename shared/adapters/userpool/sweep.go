package userpool

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Sweep is the store "identity-provider": the users of the pool behind persons who belong to no other tenant. Their
// sessions end first. Which users those are is known from our own tables: the pool cannot be searched by tenant.
type Sweep struct {
	Pools    *Pools
	Pool     string             // identifier of the user pool
	Leavers  retention.Leavers  // nil for whoever may not read persons
	Departed retention.Departed // of deleted users, so that they can be looked for when our own rows are gone
	Now      clock.Clock
}

// Name implements retention.Store.
func (s *Sweep) Name() string { return "identity-provider" }

// Phase implements retention.Store.
func (s *Sweep) Phase() retention.Phase { return retention.People }

// Plan implements retention.Store.
func (s *Sweep) Plan(ctx context.Context, o retention.Order) (int64, error) { return s.Verify(ctx, o) }

// Sweep implements retention.Store. A page is some persons.
func (s *Sweep) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (page retention.Page, err error) {
	leavers, err := s.Leavers.Leavers(ctx, o, cursor, min(most, pagePersons))
	if err != nil {
		return page, err
	}
	sum := sha256.New()
	for _, l := range leavers {
		page.Cursor = l.Place
		if l.Elsewhere || len(l.Subjects) == 0 {
			continue
		}
		if o.Spares(lifecycle.Target{User: l.Person}) {
			page.Spared++
			continue
		}
		if err := s.Departed.Remember(ctx, o, s.Name(), l.Subjects); err != nil {
			return retention.Page{}, err
		}
		for _, subject := range l.Subjects {
			if err := s.delete(ctx, subject, &page); err != nil {
				return retention.Page{}, err
			}
			fmt.Fprintf(sum, "%s\x00", subject)
		}
	}
	page.Digest = sum.Sum(nil)
	return page, nil
}

// pagePersons is how many persons a page looks at; the pool takes some tens of calls a second.
const pagePersons = 25

func (s *Sweep) delete(ctx context.Context, subject string, page *retention.Page) error {
	names, _, err := s.Pools.named(ctx, s.Pool, subject)
	if err != nil {
		return err
	}
	for _, name := range names {
		page.Writes++
		_, err := s.Pools.api.AdminUserGlobalSignOut(ctx, &cognitoidentityprovider.AdminUserGlobalSignOutInput{UserPoolId: &s.Pool, Username: &name})
		if err == nil {
			_, err = s.Pools.api.AdminDeleteUser(ctx, &cognitoidentityprovider.AdminDeleteUserInput{UserPoolId: &s.Pool, Username: &name})
		}
		if absent(err) {
			continue
		}
		if err != nil {
			return failed(err)
		}
		page.Deleted++
	}
	return nil
}

func absent(err error) bool {
	_, gone := errors.AsType[*types.UserNotFoundException](err)
	return gone
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The identity provider did not answer. Nothing can be said about the request; repeat it later.").After(2 * time.Second)
}

// named lists the names under which the pool knows a subject: a local user is found by the subject itself, one of a
// third-party identity provider under a name of its own.
// request is that of the last answer.
func (p *Pools) named(ctx context.Context, pool, subject string) (names []string, request string, err error) {
	out, err := p.api.ListUsers(ctx, &cognitoidentityprovider.ListUsersInput{UserPoolId: &pool, Filter: aws.String(fmt.Sprintf("sub = %q", subject))})
	if err != nil {
		return nil, "", failed(err)
	}
	request, _ = awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	for _, u := range out.Users {
		names = append(names, aws.ToString(u.Username))
	}
	_, err = p.api.AdminGetUser(ctx, &cognitoidentityprovider.AdminGetUserInput{UserPoolId: &pool, Username: &subject})
	switch {
	case err == nil && len(names) == 0:
		names = append(names, subject) // the list may be a moment behind
	case err != nil && !absent(err):
		return nil, "", failed(err)
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		request = answer.ServiceRequestID()
	}
	return names, request, nil
}

// Verify implements retention.Store. It asks the pool for each user, those that were deleted included.
func (s *Sweep) Verify(ctx context.Context, o retention.Order) (left int64, err error) {
	if o.Passport != "" {
		return 0, nil
	}
	left, _, _, err = s.ask(ctx, o)
	return left, err
}

// ask counts who of those who leave and have left is still in the pool; request is that of its last answer.
func (s *Sweep) ask(ctx context.Context, o retention.Order) (left int64, asked int, request string, err error) {
	gone, err := s.Departed.Names(ctx, o, s.Name())
	if err != nil {
		return 0, 0, "", err
	}
	subjects := slices.Clone(gone)
	if s.Leavers != nil {
		err := retention.Going(ctx, s.Leavers, o, func(l retention.Leaver) { subjects = append(subjects, l.Subjects...) })
		if err != nil {
			return 0, 0, "", err
		}
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	for _, subject := range subjects {
		var names []string
		if names, request, err = s.Pools.named(ctx, s.Pool, subject); err != nil {
			return left, 0, "", err
		}
		left += int64(len(names))
	}
	return left, len(subjects), request, nil
}

// Evidence implements retention.Store. The pool is asked for each user once more.
func (s *Sweep) Evidence(ctx context.Context, o retention.Order) (retention.Receipt, error) {
	left, asked, request, err := s.ask(ctx, o)
	if err == nil && left > 0 {
		err = fault.New(fault.CodeUnavailable, "The user pool still has %d users.", left)
	}
	if err != nil {
		return retention.Receipt{}, err
	}
	return retention.Receipt{
		Store: s.Name(), Provider: "Amazon Cognito", At: s.Now(), Request: request,
		Method: fmt.Sprintf("The pool was asked for each of %d users who belonged to no other organisation, by their subject and by their name, and knows none of them.", asked),
	}, nil
}
