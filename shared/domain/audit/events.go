package audit

// Event names what happened.
type Event string

// The events.
const (
	TenantCreated   Event = "tenant.created"
	TenantRenamed   Event = "tenant.renamed"
	TenantSuspended Event = "tenant.suspended"
	TenantActivated Event = "tenant.activated"
	PolicyChanged   Event = "sign-in-policy.changed"

	MemberInvited       Event = "member.invited"
	InvitationWithdrawn Event = "member.invitation-withdrawn"
	MemberJoined        Event = "member.joined"
	RoleChanged         Event = "member.role-changed"
	MemberRemoved       Event = "member.removed"
	IdentityLinked      Event = "member.identity-linked"
	AuthenticatorSet    Event = "member.authenticator-set"

	KeyCreated Event = "api-key.created"
	KeyUsed    Event = "api-key.used" // at most once an hour for each network
	KeyRevoked Event = "api-key.revoked"

	AuthenticationFailed Event = "authentication.failed" // with a key of this organisation that is wrong, expired, revoked or used from elsewhere
	AccessDenied         Event = "access.denied"
	CrossTenant          Event = "access.cross-tenant" // somebody asked for an organisation they do not belong to
	ExportRequested      Event = "export.requested"
	ExportReady          Event = "export.ready"
	ExportFailed         Event = "export.failed"
	ExportFetched        Event = "export.fetched" // a link to the package was given out
	ExportDeleted        Event = "export.deleted"
	ExportExpired        Event = "export.expired"
	ImportBegun          Event = "import.begun"
	ImportChecked        Event = "import.checked"
	ImportRefused        Event = "import.refused"
	ImportFailed         Event = "import.failed"
	ImportCommitted      Event = "import.committed"
	ImportDone           Event = "import.done"
	ImportCancelled      Event = "import.cancelled"
	RecipeCreated        Event = "recipe.created"
	RecipeChanged        Event = "recipe.changed"
	RecipeDeleted        Event = "recipe.deleted"
	AuditDownloaded      Event = "audit.downloaded"
	IncidentFound        Event = "incident.found" // an anomaly rule fired

	PassportCreated   Event = "passport.created"
	PassportUpdated   Event = "passport.updated"
	PassportRestored  Event = "passport.restored" // from an export
	PassportPublished Event = "passport.published"
	PassportSuspended Event = "passport.suspended"
	PassportArchived  Event = "passport.archived"
	DocumentAdded     Event = "document.added"
	DocumentFetched   Event = "document.fetched" // its bytes were given out
	DocumentDeleted   Event = "document.deleted"
	PassportDeleted   Event = "passport.deleted" // hidden, and gone for good after seven days
	PassportUndeleted Event = "passport.deletion-undone"
	AccountErased     Event = "member.erasure-asked" // a person wants their account deleted
)

// Documented is one row of the published list of events.
type Documented struct {
	Event Event
	Means string
	Title string // of the notice that the people in charge get; "" for none
}

// Events documents every event. Those with a title also appear as notices.
func Events() []Documented {
	return append(contractEvents(), []Documented{
		{TenantCreated, "The organisation was founded.", ""},
		{TenantRenamed, "The organisation got another name.", "The organisation was renamed"},
		{TenantSuspended, "The operator suspended the organisation.", "Your organisation was suspended"},
		{TenantActivated, "The operator lifted the suspension.", "The suspension was lifted"},
		{PolicyChanged, "The sign-in policy changed.", "The sign-in policy was changed"},
		{MemberInvited, "Somebody was invited.", "Somebody was invited"},
		{InvitationWithdrawn, "An invitation was withdrawn.", "An invitation was withdrawn"},
		{MemberJoined, "Somebody joined.", "Somebody joined"},
		{RoleChanged, "A member got another role.", "A member got another role"},
		{MemberRemoved, "A member was removed or left.", "A member was removed"},
		{IdentityLinked, "A member added another way to sign in.", ""},
		{AuthenticatorSet, "A member set up an authenticator app as second factor.", ""},
		{KeyCreated, "An API key was created.", "An API key was created"},
		{KeyUsed, "An API key was used: at most one entry an hour for each network.", ""},
		{KeyRevoked, "An API key was revoked.", "An API key was revoked"},
		{AuthenticationFailed, "A key of the organisation was presented that is wrong, expired, revoked or used from elsewhere.", ""},
		{AccessDenied, "A member or key asked for something that it may not do.", ""},
		{CrossTenant, "Somebody who is signed in asked for an organisation they do not belong to.", ""},
		{ExportRequested, "An export of the organisation's data was asked for.", "An export was asked for"},
		{ExportReady, "An export is packed and can be fetched.", "An export is ready"},
		{ExportFailed, "An export could not be packed and was given up.", "An export failed"},
		{ExportFetched, "A link to an exported package was given out.", ""},
		{ExportDeleted, "An export was deleted before its end.", "An export was deleted"},
		{ExportExpired, "An export has expired; its package was removed.", "An export has expired"},
		{ImportBegun, "A file to import was announced.", ""},
		{ImportChecked, "A file to import was read and is good.", ""},
		{ImportRefused, "A file to import was read and is not good; nothing was stored.", ""},
		{ImportFailed, "An import was given up while it was stored; what was stored before stays.", ""},
		{ImportCommitted, "Somebody said that a checked file is to be stored.", "An import was committed"},
		{ImportDone, "An import has been stored.", ""},
		{ImportCancelled, "An import was cancelled.", ""},
		{RecipeCreated, "A recipe for imports was kept.", ""},
		{RecipeChanged, "A recipe for imports was changed.", ""},
		{RecipeDeleted, "A recipe for imports was deleted.", ""},
		{AuditDownloaded, "The audit trail was downloaded.", ""},
		{IncidentFound, "An anomaly rule fired.", "Something unusual was noticed"},
		{PassportCreated, "A passport was created.", ""},
		{PassportUpdated, "A draft was changed.", ""},
		{PassportRestored, "A passport was restored from an export, with its versions.", ""},
		{PassportPublished, "A passport was published.", ""},
		{PassportSuspended, "A passport was suspended.", ""},
		{PassportArchived, "A passport was archived.", ""},
		{DocumentAdded, "A document was added to a passport.", ""},
		{DocumentFetched, "The content of a document was given out.", ""},
		{DocumentDeleted, "A document of a passport was deleted.", ""},
		{PassportDeleted, "A passport was deleted; within seven days that can be taken back.", "A passport was deleted"},
		{PassportUndeleted, "The deletion of a passport was taken back.", ""},
		{AccountErased, "A member left because they want their account deleted.", "A member left for good"},
	}...)
}
