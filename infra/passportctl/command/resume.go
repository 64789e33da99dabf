package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// drillResume signs and stores the word of an operator that a long silence was an outage.
func drillResume(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("drill resume", flag.ContinueOnError)
	environment, upTo, by := f.String("environment", "", ""), f.String("up-to", "", ""), f.String("by", "", "")
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || *upTo == "" || *by == "" {
		return errors.Join(err, usage("drill resume needs -up-to and -by"))
	}
	until, err := time.Parse(time.RFC3339, *upTo)
	if err != nil {
		return usage("-up-to takes an instant such as 2027-02-18T03:00:00Z")
	}
	o, err := newOperator(w, *environment)
	if err != nil {
		return err
	}
	// Whether an earlier word is good does not matter here: it was for another mark, or this one takes its place.
	guards := dynamo.NewGuards(o.app.Database(), nil)
	high, _, err := guards.Mark(ctx)
	if err != nil {
		return err
	}
	entry := id.New[id.Entry](o.app.IDs())
	word, err := lifecycle.Confirm(high, o.app.Parts().Now(), until, *by, string(entry))
	if err != nil {
		return err
	}
	text, err := word.Text()
	if err != nil {
		return err
	}
	signature, err := o.sign.Sign(ctx, text)
	if err != nil {
		return err
	}
	told, err := o.tell(ctx, entry, word)
	if err != nil {
		return err
	}
	if err := guards.Say(ctx, word.Entry, text, signature); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "%s: work that stood still at %s goes on with the next tick, up to %s (entry %s, in the trail of %d organisations that are leaving)\n",
		word.SignedBy, word.Above.Format(time.RFC3339), word.UpTo.Format(time.RFC3339), word.Entry, told)
	return nil
}

// tell writes the entry of a word into the trail of every organisation that is leaving and still has one, before the word
// counts: a word that nobody can read of must not be.
func (o *operator) tell(ctx context.Context, entry id.Entry, word lifecycle.Resume) (told int, err error) {
	lives, audits := dynamo.NewLives(o.app.Database()), dynamo.NewAudits(o.app.Database())
	err = lives.Each(ctx, func(l lifecycle.Life) error {
		r := l.Record
		if r.Begins().IsZero() || r.State.Begun() {
			return nil // it is not leaving, or its trail is being deleted
		}
		by := access.Caller{Tenant: r.Tenant, Actor: word.SignedBy, Request: id.New[id.Request](o.app.IDs()), At: word.At}
		e := audit.New(o.app.IDs(), by, lifecycle.EventResumedAfterHalt, "tenant:"+string(r.Tenant), "", "").
			With("above", word.Above.Format(time.RFC3339Nano)).With("upTo", word.UpTo.Format(time.RFC3339Nano))
		e.ID = entry
		told++
		return audits.Append(ctx, e)
	})
	return told, err
}
