package fault

// Code is the stable name of one way to fail: a lower-case slug that clients may switch on. Codes are never renamed.
type Code string

// The codes. Each has one row in Catalogue, which is also the public error reference.
const (
	CodeInternal         Code = "internal"
	CodeUnavailable      Code = "unavailable"
	CodeMalformedRequest Code = "malformed-request"

	CodeUnauthenticated Code = "unauthenticated"
	CodeForbidden       Code = "forbidden"
	CodeRateLimited     Code = "rate-limited"

	CodeReauthenticate      Code = "reauthentication-required"
	CodeTenantSuspended     Code = "tenant-suspended"
	CodeOrganisationUnknown Code = "organisation-not-found"
	CodeOrganisationChoice  Code = "organisation-choice-required"
	CodeFactorRequired      Code = "second-factor-required"
	CodeSingleSignOn        Code = "single-sign-on-required"
	CodeDomainRefused       Code = "mail-domain-refused"
	CodeMemberNotFound      Code = "member-not-found"
	CodeInvitationNotFound  Code = "invitation-not-found"
	CodeAlreadyMember       Code = "already-member"
	CodeLastOwner           Code = "last-owner"
	CodeExportNotFound      Code = "export-not-found"
	CodeImportNotFound      Code = "import-not-found"
	CodeImportState         Code = "import-state"
	CodeRecipeNotFound      Code = "recipe-not-found"
	CodeRecipeLimit         Code = "recipe-limit"
	CodePolicyLockout       Code = "policy-locks-out"
	CodeOrganisationLimit   Code = "organisation-limit"
	CodeRoleUnknown         Code = "role-unknown"
	CodeRoleAboveOwn        Code = "role-above-own"
	CodeScopeUnknown        Code = "scope-unknown"
	CodeScopeAboveOwn       Code = "scope-above-own"
	CodeKeyNotFound         Code = "api-key-not-found"
	CodeKeyLimit            Code = "api-key-limit"
	CodeProfileMissing      Code = "profile-missing"
	CodeIdentityTaken       Code = "identity-taken"
	CodeValueInvalid        Code = "value-invalid"
	CodeSignInFailed        Code = "sign-in-failed"
	CodeCrossSite           Code = "cross-site-request"
	CodeAuthenticatorCode   Code = "authenticator-code-wrong"

	CodeIdempotencyDone        Code = "idempotency-done"
	CodeAuthenticatorElsewhere Code = "authenticator-elsewhere"

	CodeRouteNotFound    Code = "route-not-found"
	CodeMethodNotAllowed Code = "method-not-allowed"
	CodeNotAcceptable    Code = "not-acceptable"
	CodeUnsupportedMedia Code = "unsupported-media-type"
	CodeBodyTooLarge     Code = "body-too-large"
	CodeBodyUnexpected   Code = "body-unexpected"

	CodeJSONSyntax        Code = "json-syntax"
	CodeJSONDepth         Code = "json-depth"
	CodeJSONDuplicate     Code = "json-duplicate-member"
	CodeJSONUnknownMember Code = "json-unknown-member"
	CodeJSONType          Code = "json-type"

	CodeQueryInvalid Code = "query-invalid"
	CodeCursor       Code = "cursor-invalid"

	CodeIfMatchMissing Code = "if-match-missing"
	CodeIfMatchInvalid Code = "if-match-invalid"
	CodeRevisionStale  Code = "revision-stale"

	CodeIdempotencyKeyInvalid Code = "idempotency-key-invalid"
	CodeIdempotencyKeyReused  Code = "idempotency-key-reused"
	CodeIdempotencyInProgress Code = "idempotency-in-progress"

	CodePassportNotFound    Code = "passport-not-found"
	CodeVersionNotFound     Code = "version-not-found"
	CodeDocumentNotFound    Code = "document-not-found"
	CodeDocumentLimit       Code = "document-limit"
	CodeNotInForce          Code = "passport-not-in-force"
	CodePassportSuspended   Code = "passport-suspended"
	CodePassportArchived    Code = "passport-archived"
	CodePassportCeased      Code = "passport-ceased"
	CodeTransition          Code = "passport-transition"
	CodePassportInvalid     Code = "passport-invalid"
	CodePassportIncomplete  Code = "passport-incomplete"
	CodeIdentifierTaken     Code = "product-identifier-taken"
	CodeReasonMissing       Code = "reason-missing"
	CodePassportNothingToDo Code = "passport-nothing-to-publish"
	CodePassportTooLarge    Code = "passport-too-large"

	CodeIdentifierInvalid     Code = "product-identifier-invalid"
	CodeIdentifierCheckDigit  Code = "product-identifier-check-digit"
	CodeIdentifierScheme      Code = "product-identifier-scheme"
	CodeIdentifierGranularity Code = "product-identifier-granularity"
	CodeMemberFixed           Code = "member-fixed"
	CodeMemberMissing         Code = "member-missing"
	CodeGranularityUnknown    Code = "granularity-unknown"

	CodeProductGroupUnknown Code = "product-group-unknown"
	CodeContentInvalid      Code = "content-invalid"
	CodeContentUnknown      Code = "content-unknown-member"
	CodeContentType         Code = "content-type"
	CodeContentValue        Code = "content-value"
	CodeDataPointMissing    Code = "data-point-missing"
	CodeDataPointRefused    Code = "data-point-refused"
	CodeDataPointPending    Code = "data-point-pending"
	CodeDataPointCategory   Code = "data-point-category"
	CodeDataPointLevel      Code = "data-point-level"

	CodeFileUnreadable Code = "file-unreadable"
	CodeFileTooLarge   Code = "file-too-large"
	CodeFileEncrypted  Code = "file-encrypted"
	CodeFilePacking    Code = "file-packing-refused"
	CodeMacroRefused   Code = "macro-refused"
	CodeLinksRefused   Code = "external-links-refused"
	CodeSheetNotFound  Code = "sheet-not-found"
	CodeColumnsTooMany Code = "columns-too-many"
	CodeRowsTooMany    Code = "rows-too-many"
	CodeRowTooWide     Code = "row-too-wide"
	CodeCellTooLarge   Code = "cell-too-large"
	CodeFormulaRefused Code = "formula-refused"

	CodeContractStage      Code = "contract-stage"
	CodeTerminationState   Code = "termination-state"
	CodeConfirmationWrong  Code = "confirmation-wrong"
	CodeSecondPerson       Code = "second-person-required"
	CodeHoldInvalid        Code = "legal-hold-invalid"
	CodeHeld               Code = "legal-hold"
	CodeHoldUnknown        Code = "hold-not-found"
	CodeCertificateUnknown Code = "certificate-not-found"
	CodeDisposition        Code = "disposition-refused"
	CodeStepBlocked        Code = "deletion-step-blocked"
	CodeRetentionPolicy    Code = "retention-policy-refused"

	CodeQuarantined Code = "storage-quarantined"
)

// Documented is one row of the error reference: what the code says and what the caller can do.
type Documented struct {
	Code  Code
	Kind  Kind
	Title string // short and stable; the title member of a problem document
	Help  string // what to do, in a sentence or two
}

// Kind is the kind the code belongs to. A code without a row is internal; a check refuses those at build time.
func (c Code) Kind() Kind {
	if d, ok := c.row(); ok {
		return d.Kind
	}
	return Internal
}

// Title is the short, stable summary of the code.
func (c Code) Title() string { d, _ := c.row(); return d.Title }

// Help says what the caller can do.
func (c Code) Help() string { d, _ := c.row(); return d.Help }

func (c Code) row() (Documented, bool) {
	for _, d := range Catalogue() {
		if d.Code == c {
			return d, true
		}
	}
	return Documented{}, false
}
