package mail

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Sweep is the store "mail-suppression": addresses of persons who belong to no other tenant, on the list of those to
// which Amazon SES sends nothing more. What was deleted is remembered by digest, and looked for by walking the whole list.
type Sweep struct {
	Mailer   *Mailer
	Leavers  retention.Leavers // with mail addresses; nil for whoever may not read them
	Departed retention.Departed
	Now      clock.Clock
}

// Name implements retention.Store.
func (s *Sweep) Name() string { return "mail-suppression" }

// Phase implements retention.Store.
func (s *Sweep) Phase() retention.Phase { return retention.People }

// Plan implements retention.Store.
func (s *Sweep) Plan(ctx context.Context, o retention.Order) (int64, error) { return s.Verify(ctx, o) }

// pagePersons is how many persons a page looks at; SES takes about one such call a second.
const pagePersons = 10

// Sweep implements retention.Store. A page is some persons.
func (s *Sweep) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (page retention.Page, err error) {
	leavers, err := s.Leavers.Leavers(ctx, o, cursor, min(most, pagePersons))
	if err != nil {
		return page, err
	}
	sum := sha256.New()
	for _, l := range leavers {
		page.Cursor = l.Place
		if l.Elsewhere || l.Mail == "" {
			continue
		}
		if o.Spares(lifecycle.Target{User: l.Person}) {
			page.Spared++
			continue
		}
		if err := s.Departed.Remember(ctx, o, s.Name(), []string{digest(o, l.Mail)}); err != nil {
			return retention.Page{}, err
		}
		page.Writes++
		_, err := s.Mailer.api.DeleteSuppressedDestination(ctx, &sesv2.DeleteSuppressedDestinationInput{EmailAddress: &l.Mail})
		s.Mailer.observe(ctx, "ses.DeleteSuppressedDestination", 0)
		if _, absent := errors.AsType[*types.NotFoundException](err); absent {
			page.Writes--
			continue
		}
		if err != nil {
			return retention.Page{}, failed(err)
		}
		page.Deleted++
		fmt.Fprintf(sum, "%s\x00", digest(o, l.Mail))
	}
	page.Digest = sum.Sum(nil)
	return page, nil
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The mail service did not answer. Nothing can be said about the request; repeat it later.").After(2 * time.Second)
}

// digest of an address, with the tenant as salt: it is kept until the tenant is certified, and says nothing beside it.
func digest(o retention.Order, address string) string {
	sum := sha256.Sum256([]byte("suppressed\x00" + string(o.Tenant) + "\x00" + strings.ToLower(address)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Verify implements retention.Store. It walks the whole list of suppressed addresses.
func (s *Sweep) Verify(ctx context.Context, o retention.Order) (left int64, err error) {
	if o.Passport != "" {
		return 0, nil
	}
	left, _, _, err = s.search(ctx, o)
	return left, err
}

// search walks the whole list of suppressed addresses, if there is anything to search for; request is that of the last page.
func (s *Sweep) search(ctx context.Context, o retention.Order) (left int64, sought int, request string, err error) {
	wanted, err := s.wanted(ctx, o)
	if err != nil || len(wanted) == 0 {
		return 0, 0, "", err
	}
	in := &sesv2.ListSuppressedDestinationsInput{PageSize: aws.Int32(1000)}
	for {
		out, err := s.Mailer.api.ListSuppressedDestinations(ctx, in)
		s.Mailer.observe(ctx, "ses.ListSuppressedDestinations", 0)
		if err != nil {
			return left, 0, "", failed(err)
		}
		request, _ = awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		for _, d := range out.SuppressedDestinationSummaries {
			if slices.Contains(wanted, digest(o, aws.ToString(d.EmailAddress))) {
				left++
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return left, len(wanted), request, nil
		}
	}
}

// wanted are the digests of the addresses of those who leave and of those who have left.
func (s *Sweep) wanted(ctx context.Context, o retention.Order) ([]string, error) {
	wanted, err := s.Departed.Names(ctx, o, s.Name())
	if err != nil {
		return nil, err
	}
	if s.Leavers == nil {
		return wanted, nil
	}
	err = retention.Going(ctx, s.Leavers, o, func(l retention.Leaver) {
		if l.Mail != "" {
			wanted = append(wanted, digest(o, l.Mail))
		}
	})
	return wanted, err
}

// Evidence implements retention.Store. The list is searched once more.
func (s *Sweep) Evidence(ctx context.Context, o retention.Order) (retention.Receipt, error) {
	left, sought, request, err := s.search(ctx, o)
	if err == nil && left > 0 {
		err = fault.New(fault.CodeUnavailable, "The suppression list still has %d addresses.", left)
	}
	if err != nil {
		return retention.Receipt{}, err
	}
	method := "Nobody left whose address could have been on the account's suppression list."
	if sought > 0 {
		method = fmt.Sprintf("The whole suppression list of the account was searched for %d addresses of persons who belonged to no other organisation, and has none of them.", sought)
	}
	return retention.Receipt{Store: s.Name(), Provider: "Amazon SES", At: s.Now(), Request: request, Method: method}, nil
}
