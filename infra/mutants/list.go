package main

// The files that are broken.
const (
	advance     = "shared/domain/lifecycle/advance.go"
	policy      = "shared/domain/lifecycle/policy.go"
	clocks      = "shared/domain/lifecycle/clock.go"
	holds       = "shared/domain/lifecycle/hold.go"
	capability  = "shared/domain/lifecycle/capability.go"
	disposition = "shared/domain/lifecycle/disposition.go"
	transitions = "shared/domain/lifecycle/transitions.go"
	record      = "shared/domain/lifecycle/lifecycle.go"
	notices     = "shared/domain/lifecycle/notice.go"
	limiter     = "shared/domain/lifecycle/limiter.go"
	destroy     = "shared/domain/lifecycle/destroy.go"
	tick        = "shared/domain/retention/tick.go"
	seal        = "shared/domain/retention/seal.go"
	facts       = "shared/domain/retention/facts.go"
	sweep       = "shared/domain/retention/sweep.go"
	erase       = "shared/domain/retention/erase.go"
	erasures    = "shared/domain/retention/erasures.go"
	auditor     = "shared/domain/retention/auditor.go"
	detect      = "shared/domain/retention/detect.go"
	stray       = "shared/domain/retention/stray.go"
	survey      = "shared/domain/retention/survey.go"
	custodian   = "shared/domain/retention/custodian.go"
	certify     = "shared/domain/retention/certify.go"
	works       = "shared/domain/retention/works.go"
	violations  = "shared/domain/certificate/violations.go"
	journal     = "shared/domain/journal/journal.go"
	replay      = "shared/domain/journal/replay.go"
	backup      = "shared/domain/backup/backup.go"
	rotate      = "shared/domain/backup/rotate.go"
	custody     = "shared/domain/custody/custody.go"
	drill       = "shared/domain/drill/drill.go"
)

func mutants() []mutant {
	return append(append(ofLifecycle(), ofEngine()...), ofCopies()...)
}

func ofLifecycle() []mutant {
	return []mutant{
		{"the window ends 30 days after T0 to the second", policy, "NotBefore: ceilDay(t0.Add(p.Window)).Add(p.Grace),", "NotBefore: t0.Add(p.Window),"},
		{"the window ends a day early", policy, "NotBefore: ceilDay(t0.Add(p.Window)).Add(p.Grace),", "NotBefore: ceilDay(t0.Add(p.Window - Day)).Add(p.Grace),"},
		{"active systems have 90 days", policy, "active := t0.Add(p.Active)", "active := t0.Add(p.Active + 30*Day)"},
		{"backups live 90 days by policy", policy, "Backup: 28 * Day,", "Backup: 90 * Day,"},
		{"no drain", advance, "case now.NotBefore.Before(r.Deadlines().DrainUntil):", "case false:"},
		{"a drain of no time", record, "d.DrainUntil = r.SealedAt.Add(p.Drain)", "d.DrainUntil = r.SealedAt"},
		{"no proof from the audit log", advance, "case !f.Proof.Covers(r, now):", "case false:"},
		{"a proof of another termination will do", advance, "!p.At.IsZero() && p.At.Equal(at) &&", "!p.At.IsZero() &&"},
		{"a proof of yesterday will do", advance, "now.NotBefore.Sub(p.SignedAt) >= age", "now.NotBefore.Sub(p.SignedAt) >= 0"},
		{"a termination that was taken back is proof", advance, "return p != nil && !p.Withdrawn &&", "return p != nil &&"},
		{"the early end of another contract will do", advance, "e.ConfirmedBy != e.AskedBy && p.shows(r, EventTerminated, r.T0, now, policy.CoolingOff) &&", "e.ConfirmedBy != e.AskedBy && p != nil &&"},
		{"an early end needs no consent in the log", advance, "		return e.ConfirmedBy != \"\" && e.ConfirmedBy != e.AskedBy && p.shows(r, EventTerminated, r.T0, now, policy.CoolingOff) &&\n			p.Consent.shows(r, EventExpedited, e.ConfirmedAt, now, policy.CoolingOff)", "		return p.shows(r, EventTerminated, r.T0, now, policy.CoolingOff)"},
		{"a hold does not veto the plan", advance, "case Blocked(f.Holds, Target{Tenant: r.Tenant}) != nil:", "case false:"},
		{"clear in spite of a hold", advance, "if err := Blocked(f.Holds, Target{Tenant: r.Tenant, Whole: true}); err != nil {", "if err := Blocked(nil, Target{Tenant: r.Tenant, Whole: true}); err != nil {"},
		{"one verification is enough", advance, "if r.FirstVerified.IsZero() || r.SecondVerified.IsZero() {", "if r.FirstVerified.IsZero() {"},
		{"what was found does not count", advance, "case residue != 0:", "case residue > 1000:"},
		{"the backups are not waited for", advance, "case !f.OldestBackup.IsZero() && !f.OldestBackup.After(r.ActiveClearAt):", "case false:"},
		{"an inventory that is not complete will do", advance, "case !f.BackupsRead:", "case false:"},
		{"the journal need not be closed", advance, "case !f.JournalClosed:", "case false:"},
		{"copies of keys are not waited for", advance, "case now.NotBefore.Before(f.KeysDestroyedAt.Add(r.Policy().Keys)):", "case false:"},
		{"the limiter is not asked", advance, "case !f.Admitted:", "case false:"},
		{"the limiter has no limit", limiter, "if !now.Before(l.FreeTill) && l.today(now) >= l.Limit(now) {", "if false {"},
		{"a running export does not extend the window", advance, "if until := r.extension(now, f); until.After(latest(closes, now.NotBefore)) {", "if until := r.extension(now, f); until.IsZero() && until.After(latest(closes, now.NotBefore)) {"},
		{"sealed without the notices", advance, "if due := Due(r, now.NotAfter); len(due) > 0 {", "if due := Due(r, now.NotAfter); len(due) > 100 {"},
		{"clocks may differ", clocks, "d > MaxDisagreement {", "d > 100*365*Day {"},
		{"time may jump", clocks, "if now.NotAfter.Sub(high) > MaxJump && !word.covers(high, now.NotAfter) {", "if now.NotAfter.Sub(high) > 100*365*Day {"},
		{"time may go back", clocks, "if high.Sub(now.NotAfter) > MaxDisagreement {", "if high.Sub(now.NotAfter) > 100*365*Day {"},
		{"one clock is enough", clocks, "if len(sources) < 2 {", "if len(sources) < 1 {"},
		{"notices go out on their day or not at all", notices, "case countdown && r.State == Window && !now.Before(r.T0.Add(d)),", "case countdown && r.State == Window && now.Truncate(Day).Equal(r.T0.Add(d).Truncate(Day)),"},
		{"notices go out again and again", notices, "		if r.sent(k) {\n			continue\n		}\n		d, countdown", "		d, countdown"},
		{"exports end with the contract", capability, "{Export, \"Export everything, and fetch exports.\", []Answer{yes, yes, yes, yes,", "{Export, \"Export everything, and fetch exports.\", []Answer{yes, yes, yes, no,"},
		{"writing goes on in the window", capability, "{Write, \"Write content.\", []Answer{yes, no, yes, no,", "{Write, \"Write content.\", []Answer{yes, no, yes, yes,"},
		{"one owner alone ends the window", transitions, "case e.AskedBy == by.Actor:", "case e.AskedBy == \"\":"},
		{"no cooling-off", record, "e.ConfirmedAt.Add(p.CoolingOff)", "e.ConfirmedAt"},
		{"one person alone puts a hold in force", holds, "if by == \"\" || by == h.RequestedBy {\n		return h, fault.New(fault.CodeSecondPerson, \"Somebody else than the one who asked for the hold has to approve it.\")", "if by == \"\" {\n		return h, fault.New(fault.CodeSecondPerson, \"Somebody else than the one who asked for the hold has to approve it.\")"},
		{"holds on ranges hold nothing", holds, "return t.Passport != \"\" && t.Passport >= h.Scope.From && t.Passport < h.Scope.To", "return false"},
		{"holds on passports hold nothing", holds, "return t.Passport != \"\" && t.Passport == h.Scope.Passport", "return false"},
		{"small holds do not hold the key", holds, "t.Whole || t.Keys && t.User == \"\"", "t.Whole"},
		{"a recycled battery is kept", disposition, "case g.Ends == EndRecycled && !f.RecycledAt.IsZero() && !f.RecycledAt.After(now):", "case false:"},
		{"drafts are kept", disposition, "case !f.Published:", "case false:"},
		{"nothing is kept", disposition, "case !g.Mandatory(f, now):", "case true:"},
		{"kept for a year", disposition, "begins.AddDate(g.KeepYears, 0, 0)", "begins.AddDate(1, 0, 0)"},
		{"a new policy shortens a running window", policy, "Window:  max(old.Window, new.Window),", "Window:  min(old.Window, new.Window),"},
		{"a new policy puts a running deadline off", policy, "Active: min(old.Active, new.Active),", "Active: max(old.Active, new.Active),"},
		{"the destroyer asks nobody", destroy, "case !r.State.deletes() || r.State == Certified:", "case false:"},
		{"single deletions go on in the window", destroy, "if s := r.At(now.NotAfter); s != r.State || Can(s, Destroy) != nil {", "if s := r.At(now.NotAfter); s == \"\" {"},
		{"no undo for single deletions", destroy, "if now.NotBefore.IsZero() || now.NotBefore.Before(notBefore) {", "if now.NotBefore.IsZero() {"},
	}
}

func ofEngine() []mutant {
	return []mutant{
		{"nothing is spared", sweep, "	o.Spare = spare(holds)", "	o.Spare = nil"},
		{"a hold on everything stops nothing", sweep, "if lifecycle.Blocked(holds, lifecycle.Target{Tenant: w.Tenant, Keys: w.Phase == Keys}) != nil {", "if false {"},
		{"the destroyer is not asked", sweep, "if err := r.Destroy(s.at.Instants, w.Phase == Keys); err != nil {", "if err := r.Check(); err != nil {"},
		{"phases do not wait for each other", sweep, "if o.Kind == w.Kind && o.Phase < w.Phase && !rested(o) {", "if o.Kind == w.Kind && o.Phase < 0 {"},
		{"a page that failed counts as swept", sweep, "	if err != nil {\n		return spent, err\n	}\n", "	if err != nil {\n		p.Cursor = \"\"\n	}\n"},
		{"the budget is not spent", sweep, "	s.left -= spent\n", ""},
		{"sweeps begin in the middle", sweep, "store.Sweep(ctx, o, w.Cursor,", "store.Sweep(ctx, o, w.Cursor+\"m\","},
		{"the auditor believes", auditor, "n.Left[s.Name()] = left", "n.Left[s.Name()] = 0 * left"},
		{"what the auditor found is not swept again", auditor, "w, changed = again(w, left, u.at.at()), true", "changed = true"},
		{"the auditor looks once", auditor, "case life.Record.State == lifecycle.Deleting:", "case life.Record.State == lifecycle.Deleting && life.Record.FirstVerified.IsZero():"},
		{"what came back does not open a tenant again", auditor, "	case content > 0:\n		after, event, err = lifecycle.Reopen(life.Record, u.at.Instants)\n", ""},
		{"keys go first", seal, "		if p.Phase != Keys {\n			wanted = append(wanted, v.sweepOf(p))", "		if p.Phase >= Derived {\n			wanted = append(wanted, v.sweepOf(p))"},
		{"keys are not turned off", seal, "if err := v.Switch.Disable(ctx, r.Tenant); err != nil {", "if err := ctx.Err(); err != nil {"},
		{"the deletion is not written into the journal", tick, "	return j.Begin(ctx, o, notBefore)\n", "	return nil\n"},
		{"a single deletion is not written into the journal", erase, "if err := s.Journal.Begin(ctx, o, e.NotBefore); err != nil {", "if err := ctx.Err(); err != nil {"},
		{"a hold does not stop a single deletion", erase, "	if blocked {\n		return nil, false, put(", "	if blocked && w.Tenant == \"\" {\n		return nil, false, put("},
		{"a single deletion is not counted", erase, "		left += n\n", "		_ = n\n"},
		{"a single deletion begins at once", erasures, "notBefore := now.UTC().Add(UndoFor)", "notBefore := now.UTC()"},
		{"keys are gone when the worker says so", facts, "if w.Done.IsZero() || w.Verified.IsZero() || w.Verified.Before(w.Done) {", "if w.Done.IsZero() {"},
		{"data that came back is nobody's business", detect, "if err == nil && nobody {", "if err == nil && nobody && t == \"\" {"},
		{"the search for what came back comes once", detect, "return now.Sub(s.Ended) >= everySearch", "return s.Ended.IsZero()"},
		{"a store that cannot be walked counts as searched", detect, "failures = append(failures, fmt.Errorf(\"%s: %w\", c.Name(), err))\n			continue", "fmt.Println(err)"},
		{"whoever is searched for is nobody", stray, "if err != nil || registered {\n		return false, err\n	}", "if err != nil || registered && w.Tenant == \"\" {\n		return false, err\n	}"},
		{"the survey puts nothing back", survey, "u.lost = append(u.lost, l)", "_ = l"},
		{"nothing is copied into custody", custodian, "if err := c.Keeper.Keep(ctx, w.Tenant, is); err != nil {", "if err := ctx.Err(); err != nil {"},
		{"passports are decided about as of the termination's end", custodian, "c.decide(ctx, &w, &d, one, life.Record.SealedAt)", "c.decide(ctx, &w, &d, one, life.Record.SealedAt.AddDate(-3, 0, 0))"},
		{"certified without the last look", certify, "func (v *visit) counted() (*round, error) {\n", "func (v *visit) counted() (*round, error) {\n	if w, ok := find(v.works, Work{Tenant: v.life.Record.Tenant, Kind: Verify}); ok && len(w.State) > 0 {\n		var n round\n		return &n, json.Unmarshal(w.State, &n)\n	}\n"},
		{"certified without evidence", certify, "!ok || swept.Receipt == nil {", "!ok || swept.Store == \"\" {"},
		{"a store attests what was not counted", auditor, "if left == 0 && w.Receipt == nil && !w.Done.IsZero() {", "if w.Receipt == nil {"},
		{"whoever has a lease is not respected", works, "	if w.Lease.After(at.at()) {\n		return w, ErrTaken\n	}\n", ""},
		{"a store that failed rests for ever", works, "w.NotBefore = now.Add(min(maxBackOff, firstBackOff<<min(w.Attempts-1, 10)))", "w.NotBefore = now.Add(firstBackOff << min(w.Attempts+20, 24))"},
	}
}

func ofCopies() []mutant {
	return []mutant{
		{"what is being deleted comes back from a backup", replay, "	return !now.Before(e.NotBefore)\n", "	return false\n"},
		{"what was deleted comes back from a backup", replay, "return e.DoneAt.After(point.Add(-Skew))", "return e.DoneAt.After(now)"},
		{"clocks of backups are exact", replay, "return e.DoneAt.After(point.Add(-Skew))", "return e.DoneAt.After(point)"},
		{"entries are dropped when they are done", replay, "return e.Done() && complete && !oldest.IsZero() && !oldest.Before(e.DoneAt.Add(Grace))", "return e.Done()"},
		{"a shortened journal is complete", replay, "return 0, fmt.Errorf(\"journal: entry %d is in the mirror and not in the journal; find out why before anything is restored\", n)", "continue"},
		{"the mirror is not written", journal, "return e, j.Evidence.Keep(ctx, MirrorName(e.Sequence), MirrorText(e))", "return e, nil"},
		{"what is visible after the replay stops no restore", drill, "	if s.Visible > 0 {", "	if s.Visible < 0 {"},
		{"a restored table is not held against the others", drill, "return d.Truth.Reconcile(ctx, s.Order.Kind, s.Target)", "return \"\", ctx.Err()"},
		{"what happens until the switch is not made up for", drill, ", step{\"reconcile again\", d.reconcile})", ")"},
		{"backups may be 90 days old", backup, "Most = 28 * day", "Most = 90 * day"},
		{"recovery points do not count", backup, "			earlier(have.Continuous[i].Earliest)\n", ""},
		{"copies do not count", backup, "			earlier(c.CreatedAt)\n", "			_ = c\n"},
		{"copies from before a restore do not count", backup, "return Base(table) == Base(s.Table)", "return strings.HasPrefix(table, s.Table)"},
		{"lost tables do not count", backup, "		complete = complete && len(left) == 0\n", ""},
		{"the newest copy is removed too", backup, "if out && s.Vault != \"\" && newest != nil && c.ID == newest.ID {", "if false {"},
		{"copies are removed by one clock", rotate, "	at, err := r.Time(ctx, now)\n	if err != nil {\n		return err\n	}\n", "	at := lifecycle.Instants{NotBefore: now, NotAfter: now}\n"},
		{"custody ends by one clock", custody, "	at, err := e.Time(ctx, now)\n	if err != nil {\n		return err\n	}\n", "	at := lifecycle.Instants{NotBefore: now}\n"},
		{"one copy in custody keeps all others", custody, "failed = append(failed, fmt.Errorf(\"end custody of %s: %w\", p.Path(), err))", "return err"},
		{"a 200 is believed", rotate, "	if have, err = r.Take(ctx); err != nil {\n		return errors.Join(append(failed, err)...)\n	}\n", "	var there []Copy\n	for _, c := range have.Copies {\n		gone := false\n		for _, r := range remove {\n			gone = gone || r.ID == c.ID\n		}\n		if !gone {\n			there = append(there, c)\n		}\n	}\n	have.Copies = there\n"},
		{"a certificate may say anything", violations, "func (d Document) Violations() []string {", "func (d Document) Violations() []string {\n	if d.Format != \"\" {\n		return nil\n	}"},
	}
}
