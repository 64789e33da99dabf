package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Validate applies the rules that hold for every passport, finished or not: the schema and the rules of the product group,
// and that serial and batch number are those of the product identifier. They are the rules of passport.Service.Create and
// Update.
func Validate(d Draft, checker passport.ContentChecker, groups passport.Groups) []Problem {
	group, err := groups(d.ProductGroup)
	if err != nil {
		return problemsOf(err, "/productGroup")
	}
	out := problems(append(checker.Check(d.ProductGroup, d.Content), group.CheckRules(d.Content, d.Granularity)...))
	for _, c := range []struct{ member, identified string }{{"serialNumber", d.Product.Serial()}, {"batchNumber", d.Product.Lot()}} {
		said, ok := d.Content[c.member].(string)
		if ok && c.identified != "" && said != c.identified {
			out = append(out, Problem{Pointer: toContent + "/" + c.member, Code: fault.CodeContentValue, Detail: fmt.Sprintf("The product identifier says %q.", c.identified)})
		}
	}
	return out
}

// step is a row with what is to be done about it.
type step struct {
	item    Item
	draft   Draft
	content passport.Content // after the row
	found   passport.Passport
	verdict Verdict
	publish bool // try to
	settled bool // nothing more is to be found out
	did     bool // an earlier attempt has stored it
}

// begin makes a draft of an item and says whether nothing more is to be found out about it: it is refused, or a duplicate.
// Items have to come in the order of the file.
func (w *work) begin(it Item) (s step, settled bool) {
	draft, wrongs := w.converter.Convert(it)
	s = step{item: it, draft: draft, content: draft.Content, verdict: Verdict{Number: it.Number, Ref: it.Ref}}
	if !draft.Product.IsZero() {
		s.verdict.ProductIdentifier = draft.Product.Canonical()
		if first := w.claim(draft.Product, it.Number); first != it.Number {
			s.verdict.Outcome = Duplicate
			s.verdict.Problems = []Problem{{Pointer: toProduct, Code: fault.CodeIdentifierTaken,
				Detail: fmt.Sprintf("Row %d of this file is about the same product; only the first one counts.", first)}}
			return s, true
		}
	}
	if len(wrongs) > 0 {
		return s.refuse(wrongs), true
	}
	return s, false
}

// compare looks for the passport that is there already and decides between create, update and unchanged.
func (w *work) compare(ctx context.Context, s step) (step, error) {
	found, err := w.Target.Find(ctx, w.run.Tenant, s.draft.Product)
	exists := err == nil
	switch {
	case errors.Is(err, fault.NotFound):
	case err != nil && w.stops(err, s.item.Number):
		return s, err
	case err != nil:
		return s.refuse(problemsOf(err, toProduct)), nil
	case found.ProductGroup != s.draft.ProductGroup:
		return s.refuse([]Problem{{Pointer: "/productGroup", Code: fault.CodeMemberFixed,
			Detail: fmt.Sprintf("The passport of this product is of the product group %s; an import does not change that.", found.ProductGroup)}}), nil
	case found.Status == passport.Archived:
		return s.refuse([]Problem{{Pointer: toProduct, Code: fault.CodeTransition, Detail: "The passport of this product is archived and cannot be changed."}}), nil
	}
	s.found, s.verdict.Passport = found, found.ID
	after := s.draft
	if exists && w.merges() {
		after.Content = passport.Merge(found.Content, s.draft.Content)
	}
	s.content = after.Content
	if wrongs := w.attribute(Validate(after, w.Checker, w.Groups)); len(wrongs) > 0 {
		return s.refuse(wrongs), nil
	}
	if s.verdict.Hash, err = after.Hash(); err != nil {
		return s.refuse([]Problem{{Pointer: toContent, Code: fault.CodeContentInvalid, Detail: "The content has numbers or texts that cannot be kept exactly."}}), nil
	}
	s.verdict.Outcome = Create
	if exists {
		if err := s.against(found); err != nil {
			return s, err
		}
		if p, ok := w.plan[s.item.Number]; ok && s.verdict.Outcome == Unchanged && p.Hash == s.verdict.Hash && (p.Outcome == Create || p.Outcome == Update) {
			s.verdict.Outcome, s.did = p.Outcome, true // done by an attempt that could not say so
		}
	}
	return w.publishable(s), nil
}

// against compares the content that the passport has with the one it would have.
func (s *step) against(found passport.Passport) error {
	before := s.draft
	before.Content = found.Content
	hash, err := before.Hash()
	if err != nil {
		return fmt.Errorf("hash of what is stored: %w", err)
	}
	s.verdict.Outcome = Update
	if hash == s.verdict.Hash {
		s.verdict.Outcome = Unchanged
	}
	return nil
}

// publishable adds what keeps the passport from being published. Whether a batch or an item is complete depends on what it
// inherits and is known only at publication. A suspended passport was taken out of force by people, and an import does not
// put it back.
func (w *work) publishable(s step) step {
	if !w.run.Publish {
		return s
	}
	if s.found.Status == passport.Suspended {
		s.verdict.Problems = []Problem{{Pointer: toProduct, Code: fault.CodePassportSuspended, Detail: "The passport is suspended; publish it again by hand if it is to return."}}
		return s
	}
	if s.draft.Granularity == identifier.Model {
		if group, err := w.Groups(s.draft.ProductGroup); err == nil {
			s.verdict.Problems = w.attribute(problems(group.CheckComplete(s.content, identifier.Model)))
		}
	}
	s.publish = w.run.MayPublish && len(s.verdict.Problems) == 0
	return s
}

// attribute names the columns of problems that were found in the content.
func (w *work) attribute(found []Problem) []Problem {
	if len(found) == 0 {
		return nil
	}
	for i := range found {
		found[i].Column = w.converter.column(found[i].Pointer)
	}
	return found
}

func (s step) refuse(found []Problem) step {
	s.verdict.Outcome, s.verdict.Problems, s.verdict.Hash, s.publish = Refused, found, "", false
	return s
}

// stores tells whether the row is still to be stored.
func (s step) stores() bool {
	return !s.did && (s.verdict.Outcome == Create || s.verdict.Outcome == Update)
}

// attempts at a row that somebody else changes at the same time.
const attempts = 3

// carryOut stores a row and publishes it if that was asked for. An error stops the run.
func (w *work) carryOut(ctx context.Context, s step) (step, error) {
	p := s.found
	for try := 1; s.stores(); try++ {
		stored, err := w.store(ctx, s)
		if err == nil {
			p = stored
			break
		}
		f := fault.Of(err)
		switch {
		case w.stops(err, s.item.Number):
			return s, err
		case try < attempts && (f.Code == fault.CodeRevisionStale || f.Code == fault.CodeIdentifierTaken):
			if s, err = w.compare(ctx, s); err != nil {
				return s, err
			}
			p = s.found
		default:
			return s.refuse(w.attribute(problemsOf(err, toProduct))), nil
		}
	}
	if !s.verdict.Accepted() {
		return s, nil
	}
	s.verdict.Passport = p.ID
	if !s.publish {
		return s, nil
	}
	_, err := w.Target.Publish(ctx, w.caller(), p.ID, p.Revision)
	switch {
	case err == nil || fault.Of(err).Code == fault.CodePassportNothingToDo:
		s.verdict.Published = true
	case w.stops(err, s.item.Number):
		return s, err
	default:
		s.verdict.Problems = w.attribute(problemsOf(err, toProduct))
	}
	return s, nil
}

func (w *work) store(ctx context.Context, s step) (passport.Passport, error) {
	if s.verdict.Outcome == Create {
		return w.Target.Create(ctx, w.caller(), passport.NewDraft{
			ProductGroup: s.draft.ProductGroup, Granularity: string(s.draft.Granularity),
			ProductIdentifier: s.draft.Product.Canonical(), Content: s.content,
		})
	}
	return w.Target.Update(ctx, w.caller(), s.found.ID, s.found.Revision, passport.Patch{Content: s.draft.Content, Clear: !w.merges()})
}

func (w *work) caller() access.Caller {
	return access.Caller{Tenant: w.run.Tenant, Actor: w.run.Actor, Request: id.New[id.Request](w.IDs), At: w.Now()}
}

// merges tells whether rows complete what is there.
func (w *work) merges() bool {
	if w.run.Existing == "" {
		return w.table
	}
	return w.run.Existing == Merge
}

// stops tells whether an error is about the platform and not about the row. An internal error might be about either: the
// row is tried again a few times, so that it cannot hold up the others for good.
func (w *work) stops(err error, number int) bool {
	switch fault.Of(err).Kind {
	case fault.Unavailable, fault.RateLimited:
		return true
	case fault.Internal:
		first := number == w.poison
		return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !first || w.run.Strikes < poisonAfter
	}
	return false
}
