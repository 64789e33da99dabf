package access

import "slices"

// The actions.
const (
	Public           Action = "public" // open to everybody, no identity asked
	PassportRead     Action = "passport.read"
	PassportWrite    Action = "passport.write"
	PassportPublish  Action = "passport.publish" // publish, suspend, archive: what the world sees changes
	DocumentRead     Action = "document.read"
	DocumentWrite    Action = "document.write"
	ProductGroupRead Action = "product-group.read"
	TenantRead       Action = "tenant.read"
	TenantWrite      Action = "tenant.write"
	PolicyRead       Action = "sign-in-policy.read"
	PolicyWrite      Action = "sign-in-policy.write"
	MemberRead       Action = "member.read"
	MemberInvite     Action = "member.invite"
	MemberChange     Action = "member.change"
	KeyRead          Action = "api-key.read"
	KeyWrite         Action = "api-key.write"
	AuditRead        Action = "audit.read"
	NoticeRead       Action = "notice.read"
	ExportCreate     Action = "export.create"
	ExportRead       Action = "export.read"
	ImportRead       Action = "import.read"
	ImportWrite      Action = "import.write"
	AccountRead      Action = "account.read"
	AccountUse       Action = "account.use"  // found an organisation, join one, register one's name
	AccountLink      Action = "account.link" // another way to sign in as the same person, a second factor
	AccountErase     Action = "account.erase"
	ContractRead     Action = "contract.read"
	ContractChange   Action = "contract.change" // terminate, take back, shorten the window
	HoldRead         Action = "hold.read"
	HoldAsk          Action = "hold.ask"
	HoldDecide       Action = "hold.decide" // approve, review, release
	DispositionRead  Action = "disposition.read"
	DispositionWrite Action = "disposition.write" // what becomes of passports when the organisation leaves
	DeletionRead     Action = "deletion.read"
	PassportDelete   Action = "passport.delete" // delete, take back
)

// The scopes.
const (
	ScopeRead    Scope = "passports:read"
	ScopeWrite   Scope = "passports:write"
	ScopePublish Scope = "passports:publish"
	ScopeAudit   Scope = "audit:read"
	ScopeExport  Scope = "data:export"
)

// The roles, strongest first.
const (
	Owner    Role = "owner"    // everything, the contract included
	Admin    Role = "admin"    // people, keys and passports, but no owner's affairs
	Editor   Role = "editor"   // writes passports; somebody else publishes them
	Reviewer Role = "reviewer" // reads and publishes what editors wrote
	Viewer   Role = "viewer"   // reads passports
	Auditor  Role = "auditor"  // reads passports, people, keys and the audit trail; changes nothing
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopePublish, ScopeAudit, ScopeExport} }

// Roles lists every role, strongest first.
func Roles() []Role { return []Role{Owner, Admin, Editor, Reviewer, Viewer, Auditor} }

// Rule is one row of the permission table.
type Rule struct {
	Action   Action
	Means    string  // in a sentence, for people
	Roles    []Role  // any one of them suffices, strongest first
	Scopes   []Scope // any one of them suffices; none: no key may
	Personal bool    // concerns the person alone, not an organisation: every signed-in person may
	Fresh    bool    // a person must have signed in within FreshFor; keys have no sign-in
}

// Table is the permission table. An action without a row is refused to everybody.
func Table() []Rule {
	everybody, managers := Roles(), []Role{Owner, Admin}
	keys := []Scope{ScopeRead, ScopeWrite, ScopePublish}
	return []Rule{
		{Action: PassportRead, Means: "Read passports and their versions.", Roles: everybody, Scopes: keys},
		{Action: PassportWrite, Means: "Create and change drafts of passports.", Roles: []Role{Owner, Admin, Editor}, Scopes: []Scope{ScopeWrite}},
		{Action: PassportPublish, Means: "Publish, suspend and archive passports: what the world sees changes.", Roles: []Role{Owner, Admin, Reviewer}, Scopes: []Scope{ScopePublish}},
		{Action: DocumentRead, Means: "List the documents of passports and fetch them.", Roles: everybody, Scopes: keys},
		{Action: DocumentWrite, Means: "Add documents to passports and delete them.", Roles: []Role{Owner, Admin, Editor}, Scopes: []Scope{ScopeWrite}},
		{Action: ProductGroupRead, Means: "Read the schemas of product groups.", Roles: everybody, Scopes: keys},
		{Action: TenantRead, Means: "Read the organisation's name and state.", Roles: everybody, Scopes: append(keys, ScopeAudit)},
		{Action: TenantWrite, Means: "Change the organisation's name.", Roles: managers},
		{Action: PolicyRead, Means: "Read how people must sign in.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: PolicyWrite, Means: "Decide how people must sign in.", Roles: []Role{Owner}, Fresh: true},
		{Action: MemberRead, Means: "See who belongs to the organisation, and open invitations.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: MemberInvite, Means: "Invite people, withdraw invitations. Nobody gives a role above their own.", Roles: managers},
		{Action: MemberChange, Means: "Change roles, remove people. Only owners touch owners; the last owner stays.", Roles: managers, Fresh: true},
		{Action: KeyRead, Means: "See API keys, never their secrets.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: KeyWrite, Means: "Create and revoke API keys. No key can do more than its creator.", Roles: managers, Fresh: true},
		{Action: AuditRead, Means: "Read and download the audit trail.", Roles: []Role{Owner, Admin, Auditor}, Scopes: []Scope{ScopeAudit}},
		{Action: NoticeRead, Means: "Read notices to the organisation.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: ExportCreate, Means: "Ask for an export of everything, delete an export.", Roles: managers, Scopes: []Scope{ScopeExport}, Fresh: true},
		{Action: ExportRead, Means: "See exports and fetch their packages.", Roles: managers, Scopes: []Scope{ScopeExport}},
		{Action: ImportRead, Means: "See imports and what came of them.", Roles: []Role{Owner, Admin, Editor}, Scopes: []Scope{ScopeWrite}},
		{Action: ImportWrite, Means: "Bring tables, documents and exports: upload, check, commit, cancel; keep recipes. Publishing takes the right to publish as well.", Roles: []Role{Owner, Admin, Editor}, Scopes: []Scope{ScopeWrite}},
		{Action: AccountRead, Means: "Read one's own account and list one's organisations.", Personal: true},
		{Action: AccountUse, Means: "Register one's name, found an organisation, accept an invitation, leave an organisation.", Personal: true},
		{Action: AccountLink, Means: "Add another way to sign in to one's own account, or an authenticator app as second factor.", Personal: true, Fresh: true},
		{Action: AccountErase, Means: "Have one's own account deleted (Regulation (EU) 2016/679, article 17).", Personal: true, Fresh: true},
		{Action: ContractRead, Means: "See where the contract stands: every instant, what may be done, what is kept and why.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: ContractChange, Means: "Terminate the contract, take that back, ask for an earlier end and confirm it, each in person.", Roles: []Role{Owner}, Fresh: true},
		{Action: HoldRead, Means: "See legal holds on the organisation's data.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: HoldAsk, Means: "Ask for a legal hold on the organisation's own data. Somebody else approves it.", Roles: managers},
		{Action: HoldDecide, Means: "Approve, review and release legal holds that the organisation has asked for.", Roles: []Role{Owner}, Fresh: true},
		{Action: DispositionRead, Means: "See what becomes of each published passport when the organisation leaves.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: DispositionWrite, Means: "Say where passports are handed over to, and which products were recycled.", Roles: managers},
		{Action: DeletionRead, Means: "See passports that are deleted and can still be taken back.", Roles: []Role{Owner, Admin, Auditor}},
		{Action: PassportDelete, Means: "Delete passports that no law keeps, and take that back within seven days.", Roles: managers},
	}
}

// Find returns the row of an action.
func Find(a Action) (Rule, bool) {
	table := Table()
	i := slices.IndexFunc(table, func(r Rule) bool { return r.Action == a })
	if i < 0 {
		return Rule{}, false
	}
	return table[i], true
}

// CanGrant tells whether a role may give another role to somebody: an owner any, an admin any but owner.
func CanGrant(by, role Role) bool {
	return by == Owner && slices.Contains(Roles(), role) || by == Admin && role != Owner && slices.Contains(Roles(), role)
}

// CanTouch tells whether a role may change or remove a person who has another role: only owners touch owners.
func CanTouch(by, other Role) bool { return by == Owner || by == Admin && other != Owner }

// CanIssue tells whether a role may make a key with these scopes: each action that a scope allows must be allowed to
// the role too, so that no key can do more than its creator.
func CanIssue(by Role, scopes []Scope) bool {
	for _, rule := range Table() {
		if slices.ContainsFunc(rule.Scopes, func(s Scope) bool { return slices.Contains(scopes, s) }) && !slices.Contains(rule.Roles, by) {
			return false
		}
	}
	return true
}
