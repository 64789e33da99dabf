package passport

import (
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// NotFound is the answer for a passport that does not exist or belongs to somebody else.
func NotFound() error {
	return fault.New(fault.CodePassportNotFound, "There is no passport with this identifier.")
}

// Stale is the answer when the caller has not seen the latest revision.
func Stale(latest int64) error {
	return fault.New(fault.CodeRevisionStale, "The passport is at revision %d; read it again before changing it.", latest)
}

// Taken is the answer when a product identifier is in use.
func Taken() error {
	return fault.New(fault.CodeIdentifierTaken, "Another passport already uses this product identifier.").With(
		fault.Field{Pointer: "/productIdentifier", Code: fault.CodeIdentifierTaken, Detail: "in use by another passport"})
}

func transition(p Passport, step string) error {
	return fault.New(fault.CodeTransition, "The passport is %s and cannot be %s.", p.Status, step)
}

func invalid(fields []fault.Field) error {
	detail := "One rule is broken."
	if len(fields) != 1 {
		detail = fmt.Sprintf("%d rules are broken.", len(fields))
	}
	return fault.New(fault.CodePassportInvalid, "%s Each is listed with its pointer.", detail).With(fields...)
}

func incomplete(fields []fault.Field, p Passport, links Links) error {
	hint := ""
	if p.Granularity != identifier.Model && links.Model == (identifier.Product{}) {
		hint = fmt.Sprintf(" The model passport %s is not published, so nothing is inherited from it.", p.Product.Model().Canonical())
	}
	return fault.New(fault.CodePassportIncomplete, "The passport cannot be published yet: %d points are open.%s", len(fields), hint).With(fields...)
}

// at turns the fault of a value into the field error at its pointer.
func at(err error, pointer string) fault.Field {
	f := fault.Of(err)
	return fault.Field{Pointer: pointer, Code: f.Code, Detail: f.Detail}
}
