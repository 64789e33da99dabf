package lifecycle

import (
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Capability is something that is possible in some states and not in others, whoever asks.
type Capability string

// The capabilities.
const (
	Write        Capability = "write"
	Read         Capability = "read"
	Export       Capability = "export"
	Integrate    Capability = "integrate"
	NewAccess    Capability = "new-access"
	Recover      Capability = "recover"
	Resolve      Capability = "resolve"
	TakeBack     Capability = "reinstate"
	Leave        Capability = "terminate"
	Follow       Capability = "follow"
	Arrange      Capability = "arrange"
	Destroy      Capability = "destroy"
	OperatorHelp Capability = "operator-access"
	Personal     Capability = "personal"
)

// Answer is one cell of the table.
type Answer struct {
	Allowed bool
	Limit   string // how far, when not without limit; or the exception, when not allowed
}

// Row is one row of the table: what the capability means, and the answer in each of States, in their order.
type Row struct {
	Capability Capability
	Means      string
	Answers    []Answer
}

// Capabilities is the whole table, in the order of a page. What it does not allow is refused.
func Capabilities() []Row {
	yes, no := Answer{Allowed: true}, Answer{}
	only := func(limit string) Answer { return Answer{Allowed: true, Limit: limit} }
	kept := only("only passports that the law keeps or that moved elsewhere")
	each, metadata := only("single records, on request"), only("metadata only")
	return []Row{
		//                              active suspended scheduled window sealed deleting active-clear residual-clear certified
		{Write, "Write content.", []Answer{yes, no, yes, no, no, no, no, no, no}},
		{Read, "Read in the application and the API.", []Answer{yes, yes, yes, yes, no, no, no, no, no}},
		{Export, "Export everything, and fetch exports.", []Answer{yes, yes, yes, yes, no, no, no, no, no}},
		{Integrate, "Suggestions by AI, webhooks and data coming in from other systems.", []Answer{yes, no, yes, no, no, no, no, no, no}},
		{NewAccess, "Let in new people and make new keys.", []Answer{yes, no, yes, {Limit: "only to recover an owner's access"}, no, no, no, no, no}},
		{Recover, "Change roles and remove people, so that an owner can act.", []Answer{yes, no, yes, only("to recover an owner's access"), no, no, no, no, no}},
		{Resolve, "Published passports answer the public.", []Answer{yes, yes, yes, yes, kept, kept, kept, kept, kept}},
		{Leave, "Terminate the contract.", []Answer{yes, yes, no, no, no, no, no, no, no}},
		{TakeBack, "Take up the contract again.", []Answer{no, yes, yes, yes, no, no, no, no, no}},
		{Arrange, "Settle what comes at the end: its instant, where passports are handed over to, legal holds.", []Answer{yes, yes, yes, yes, no, no, no, no, no}},
		{Follow, "See where the contract and the deletion stand.", []Answer{yes, yes, yes, yes, yes, yes, yes, yes, yes}},
		{Destroy, "Delete data for good.", []Answer{each, each, each, no, {Limit: "what was still under way drains off"}, yes, yes, yes, no}},
		{OperatorHelp, "Our support looks in, with a reason and for a time.", []Answer{yes, yes, yes, yes, metadata, metadata, metadata, metadata, no}},
		{Personal, "One's own account, which belongs to no organisation.", []Answer{yes, yes, yes, yes, yes, yes, yes, yes, yes}},
	}
}

// Look is the cell of a state and a capability; what is unknown is not allowed.
func Look(s State, c Capability) Answer {
	table := Capabilities()
	row := slices.IndexFunc(table, func(r Row) bool { return r.Capability == c })
	column := slices.Index(States(), s)
	if row < 0 || column < 0 {
		return Answer{}
	}
	return table[row].Answers[column]
}

// Can refuses what a state does not allow. Where the table sets a limit, Look says which; keeping to it is the caller's.
func Can(s State, c Capability) error {
	return refuse(Look(s, c), c, s.Means())
}

// Can refuses what the record does not allow at an instant: Can for the state that counts then, and for Suspended too
// when the operator suspended the tenant before or while it leaves. The refusal names the state and since when.
func (r Record) Can(c Capability, now time.Time) error {
	at := r
	if r.At(now) == Window && r.State == Scheduled {
		at.State, at.T0 = Window, r.EffectiveAt
	}
	if err := refuse(Look(at.State, c), c, at.says()); err != nil {
		return err
	}
	if r.Suspended && c != Leave && c != TakeBack {
		return refuse(Look(Suspended, c), c, Suspended.Means())
	}
	return nil
}

// Until is when a capability that the record allows now ends, as far as is known; zero when no end is in sight.
func (r Record) Until(c Capability) time.Time {
	switch {
	case r.State == Scheduled && !Look(Window, c).Allowed:
		return r.EffectiveAt
	case (r.State == Scheduled || r.State == Window) && !Look(Sealed, c).Allowed:
		return r.Deadlines().NotBefore
	default:
		return time.Time{}
	}
}

func refuse(a Answer, c Capability, says string) error {
	if a.Allowed {
		return nil
	}
	what := "This"
	for _, row := range Capabilities() {
		if row.Capability == c {
			what = row.Means
		}
	}
	if a.Limit != "" {
		return fault.New(fault.CodeContractStage, "The organisation is %s. Not possible now, with one exception (%s): %s", says, a.Limit, what)
	}
	return fault.New(fault.CodeContractStage, "The organisation is %s. Not possible now: %s", says, what)
}

// Needs is the capability that an action takes. ok is false for an action without one, which is refused. Public actions
// belong to no tenant at the door; whose passport is asked for is found later, and Resolve asked then.
func Needs(a access.Action) (c Capability, ok bool) {
	for _, row := range actions() {
		if slices.Contains(row.actions, a) {
			return row.capability, true
		}
	}
	return "", false
}

type actionsOf struct {
	capability Capability
	actions    []access.Action
}

func actions() []actionsOf {
	return []actionsOf{
		{Write, []access.Action{access.PassportWrite, access.PassportPublish, access.DocumentWrite, access.TenantWrite, access.PolicyWrite, access.ImportWrite, access.PassportDelete}},
		{Read, []access.Action{access.PassportRead, access.DocumentRead, access.ProductGroupRead, access.TenantRead, access.PolicyRead, access.MemberRead,
			access.KeyRead, access.AuditRead, access.NoticeRead, access.ImportRead, access.HoldRead, access.DispositionRead, access.DeletionRead}},
		{Export, []access.Action{access.ExportCreate, access.ExportRead}},
		{NewAccess, []access.Action{access.MemberInvite, access.KeyWrite}},
		{Recover, []access.Action{access.MemberChange}},
		{Resolve, []access.Action{access.Public}},
		// Terminating and taking back need no more than Arrange: which of them is possible says the record, so that a request
		// that is sent again gets its answer again and not a refusal.
		{Arrange, []access.Action{access.ContractChange, access.HoldAsk, access.HoldDecide, access.DispositionWrite}},
		{Follow, []access.Action{access.ContractRead}},
		{Personal, []access.Action{access.AccountRead, access.AccountUse, access.AccountLink, access.AccountErase}},
	}
}
