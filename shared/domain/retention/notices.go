package retention

import (
	"context"
	"fmt"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// notify sends the first notice that is due, and writes down that it went out. The mail goes first: it carries a key, so
// that a tick that was killed between the two sends it once all the same. One that did not reach all is tried again
// until it counts as undeliverable, which is written down with it.
func (v *visit) notify(ctx context.Context) (more bool, err error) {
	r := v.life.Record
	for _, k := range lifecycle.Due(r, v.at.NotAfter) {
		if k == lifecycle.NoticeSealed && r.PlanHash == "" {
			continue // it tells the plan
		}
		m, err := v.message(ctx, k)
		if err != nil {
			return false, err
		}
		d := r.Deadlines()
		says := map[string]string{"notice": string(k), "windowEnds": stamp(d.NotBefore), "activeBy": stamp(d.ActiveBy), "residualBy": stamp(d.ResidualBy)}
		if reached, err := v.Herald.Tell(ctx, r.Tenant, string(k)+"/"+stamp(r.T0), m); err != nil {
			if !r.Undeliverable(k, reached > 0, v.at.NotBefore) {
				return false, fmt.Errorf("notice %s: %w", k, err)
			}
			says["reached"] = fmt.Sprint(reached)
		}
		v.life, err = v.take(ctx, v.life, lifecycle.Notified(r, k, v.at.NotAfter), lifecycle.EventNoticeSent, says, nil)
		return err == nil, err
	}
	return false, nil
}

// message writes a notice. Its instants are those of the record now, so that a late one is not wrong.
func (v *visit) message(ctx context.Context, k lifecycle.NoticeKind) (Message, error) {
	r := v.life.Record
	d := r.Deadlines()
	switch k {
	case lifecycle.NoticeWindow:
		return letter("Your contract has ended: export your data",
			"Your contract ended at %s. Until %s you can read and export everything, and an owner can take the termination back. After that nobody can get in; the data leaves our active systems by %s and our backups by %s. What becomes of your passports, and every instant, is in your workspace: %s/workspace",
			stamp(r.T0), stamp(d.NotBefore), stamp(d.ActiveBy), stamp(d.ResidualBy), v.Site), nil
	case lifecycle.NoticeSealed:
		return v.closing(ctx)
	default:
		return letter("Your data can be exported until "+stamp(d.NotBefore),
			"Your contract ended at %s. The window in which you can export your data, or take the termination back, closes at %s. From then on nobody can read it. Do either in your workspace: %s/workspace",
			stamp(r.T0), stamp(d.NotBefore), v.Site), nil
	}
}

// address is where the certificate will be.
func (v *visit) address() string { return v.Site + "/trust/certificates/" + v.life.CertificateID }

func letter(subject, text string, args ...any) Message {
	return Message{Subject: subject, Text: fmt.Sprintf(text, args...)}
}

// closing tells what is going to be deleted, what is not, and how to get the certificate.
func (v *visit) closing(ctx context.Context) (Message, error) {
	r := v.life.Record
	plan, err := ReadPlan(v.life.Plan)
	if err != nil {
		return Message{}, err
	}
	secret, err := v.Secrets.Secret(ctx, v.life.CertificateID)
	if err != nil {
		return Message{}, err
	}
	if HashSecret(secret) != v.life.CertificateSecret {
		return Message{}, fmt.Errorf("the secret of certificate %s is no longer the one that was frozen", v.life.CertificateID)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The window for export closed at %s. Nobody can get in any more.\n\nNot before %s the deletion begins. The data leaves our active systems by %s and our backups by %s.\n\n",
		stamp(r.SealedAt), stamp(plan.NotBefore), stamp(plan.ActiveBy), stamp(plan.ResidualBy))
	b.WriteString("What is deleted:\n")
	for _, s := range plan.Stores {
		fmt.Fprintf(&b, "  %s: %d\n", s.Store, s.Items)
	}
	fmt.Fprintf(&b, "\nWhat becomes of %d passports:\n", plan.Passports.Count)
	for _, t := range plan.Passports.Tally {
		fmt.Fprintf(&b, "  %d %s (%s)", t.Count, t.Kind, t.Group)
		if !t.Until.IsZero() {
			fmt.Fprintf(&b, ", until %s at the latest", stamp(t.Until))
		}
		b.WriteString("\n")
	}
	for _, h := range plan.Holds {
		fmt.Fprintf(&b, "\nHeld under %s, %s: %s.\n", h.Act, h.Article, h.Scope)
	}
	fmt.Fprintf(&b, "\nHash of the whole plan: %s\n\nWhen the deletion is complete, by %s at the latest unless something is held, you can fetch a signed certificate. Nobody will write to you then: your addresses are deleted with the rest, and this is our last mail. Keep these, we do not store the secret:\n  %s\n  certificate: %s\n  secret: %s\n",
		r.PlanHash, stamp(plan.ResidualBy.Add(certifiedIn)), v.address(), v.life.CertificateID, secret)
	return Message{Subject: "The window has closed: what is going to be deleted", Text: b.String()}, nil
}
