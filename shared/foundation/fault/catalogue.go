package fault

// Catalogue documents every code, in reading order. It is the source of the public error reference and of the codes in
// openapi.yaml; it is walked only when something has gone wrong.
func Catalogue() []Documented {
	return []Documented{
		{CodeMalformedRequest, Malformed, "Malformed request", "The request line, a header or the path cannot be read. Correct it and send it again."},
		{CodeJSONSyntax, Malformed, "Not valid JSON", "The body is not JSON (RFC 8259). The pointer and the detail say where reading stopped."},
		{CodeJSONDepth, Malformed, "JSON nested too deeply", "At most 32 levels of objects and arrays are accepted."},
		{CodeJSONDuplicate, Malformed, "Duplicate member", "An object names the same member twice. Remove one of them."},
		{CodeJSONUnknownMember, Malformed, "Unknown member", "The body has a member that this operation does not know. Remove it or correct its name."},
		{CodeJSONType, Malformed, "Wrong JSON type", "A member has another JSON type than expected, for example text where an object belongs."},
		{CodeQueryInvalid, Malformed, "Invalid query parameter", "A query parameter is unknown, repeated or has a value that is not allowed."},
		{CodeCursor, Malformed, "Invalid cursor", "The cursor was altered, has expired or belongs to another list or filter. Start the list again without it."},
		{CodeBodyUnexpected, Malformed, "Body not expected", "This operation takes no request body. Send it without one."},
		{CodeIfMatchInvalid, Malformed, "Invalid If-Match", "If-Match must hold exactly one strong entity tag as returned in ETag, for example \"3\"."},
		{CodeIdempotencyKeyInvalid, Malformed, "Invalid Idempotency-Key", "The key must be 1 to 128 visible ASCII characters."},

		{CodeUnauthenticated, Unauthenticated, "Not authenticated", "Send a valid API key as Authorization: Bearer. A missing, wrong, revoked and expired key are answered alike."},
		{CodeForbidden, Forbidden, "Not allowed", "This key may not do this. Ask an administrator of your organisation for a key with the scope named in the detail."},
		{CodeRateLimited, RateLimited, "Too many requests", "Wait as long as Retry-After says, then repeat."},

		{CodeRouteNotFound, NotFound, "No such address", "Nothing is served at this address. Check the path against the API reference."},
		{CodeMethodNotAllowed, MethodNotAllowed, "Method not allowed", "The address exists but not with this method. The Allow header lists the methods."},
		{CodeNotAcceptable, NotAcceptable, "No such representation", "None of the media types in Accept is available here."},
		{CodeUnsupportedMedia, UnsupportedMedia, "Unsupported media type", "Send the body in a media type that the operation accepts; the detail names them."},
		{CodeBodyTooLarge, TooLarge, "Body too large", "The request body is over the limit named in the detail."},

		{CodeIfMatchMissing, PreconditionRequired, "If-Match required", "A change must name the revision it starts from: read the object and send its ETag as If-Match."},
		{CodeRevisionStale, PreconditionFailed, "Revision is not the latest", "Someone changed the object since you read it. Read it again, apply your change to that and repeat."},
		{CodeIdempotencyKeyReused, Invalid, "Idempotency-Key used before", "This key was used with another request. Take a new key for a new request."},
		{CodeIdempotencyInProgress, Conflict, "Request still in progress", "The first request with this key is still running. Repeat after Retry-After."},

		{CodePassportNotFound, NotFound, "No such passport", "There is no passport with this identifier in your organisation, or none published for this product."},
		{CodeVersionNotFound, NotFound, "No such version", "The passport has no version with this number. List its versions."},
		{CodeNotInForce, NotFound, "Not in force then", "At the instant asked for no version of the passport was in force."},
		{CodePassportSuspended, NotFound, "Passport suspended", "The responsible operator has suspended this passport. It may be published again."},
		{CodePassportArchived, Gone, "Passport archived", "The passport has ended for the reason given and will not return."},
		{CodeTransition, Conflict, "Not possible in this state", "The passport's status does not allow this step. The detail names both."},
		{CodePassportInvalid, Invalid, "Passport is not valid", "One or more members break a rule. Each is listed with its pointer."},
		{CodePassportIncomplete, Invalid, "Passport is not complete", "Something that the product group demands for publication is missing. Each gap is listed with its pointer."},
		{CodeIdentifierTaken, Conflict, "Product identifier taken", "Another passport already uses this product identifier. A product identifier is never assigned twice."},
		{CodeReasonMissing, Invalid, "Reason required", "Say why: the reason is kept and shown to readers."},
		{CodePassportNothingToDo, Conflict, "Nothing new to publish", "The published version already has this content."},
		{CodePassportTooLarge, TooLarge, "Passport too large", "The passport's content is over the limit named in the detail. Attach large material as documents."},

		{CodeIdentifierInvalid, Invalid, "Not a product identifier", "The identifier must be a GS1 Digital Link URI: /01/{GTIN of 14 digits}, optionally /10/{batch} or /21/{serial}."},
		{CodeIdentifierCheckDigit, Invalid, "Wrong check digit", "The last digit of the GTIN does not fit the others. Check for a typing error."},
		{CodeIdentifierScheme, Invalid, "Identifier scheme not supported", "Only GS1 Digital Link URIs with a GTIN are supported so far."},
		{CodeIdentifierGranularity, Invalid, "Identifier and granularity differ", "A model is identified by 01, a batch by 01 and 10, an item by 01 and 21."},
		{CodeMemberFixed, Invalid, "Member cannot change", "This member is fixed when the passport is created. Create another passport instead."},
		{CodeMemberMissing, Invalid, "Member missing", "Add the member named by the pointer."},
		{CodeGranularityUnknown, Invalid, "Unknown granularity", "Granularity is one of model, batch, item."},

		{CodeProductGroupUnknown, Invalid, "Unknown product group", "GET /v1/product-groups lists the product groups."},
		{CodeContentInvalid, Invalid, "Content is not valid", "The content breaks the schema of its product group at the pointer given."},
		{CodeContentUnknown, Invalid, "Unknown data element", "The product group has no such data element. Its schema lists them all."},
		{CodeContentType, Invalid, "Wrong type", "The value has another JSON type than the product group's schema asks for."},
		{CodeContentValue, Invalid, "Value not allowed", "The value is outside the range, pattern or list that the product group's schema allows."},
		{CodeDataPointMissing, Invalid, "Mandatory data point missing", "The law demands this data point for this product. Add it before publishing."},
		{CodeDataPointRefused, Invalid, "Data point must stay empty", "The Commission's guidance says this data point is not to be filled; the detail names the one to use instead."},
		{CodeDataPointPending, Invalid, "Data point not yet applicable", "The rules for this data point are pending; it must not be filled before they apply."},
		{CodeDataPointCategory, Invalid, "Data point not for this category", "This data point does not apply to this battery category and must not be filled."},
		{CodeDataPointLevel, Invalid, "Data point not at this granularity", "This data point belongs to another granularity, for example live data to items only."},

		{CodeUnavailable, Unavailable, "Temporarily unavailable", "A part we depend on did not answer. Nothing was changed; repeat after Retry-After."},
		{CodeInternal, Internal, "Internal error", "Our mistake. Quote the request id when you write to us."},
	}
}
