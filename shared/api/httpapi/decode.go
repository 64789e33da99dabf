package httpapi

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// MaxDepth is how deep objects and arrays may nest in a request body.
const MaxDepth = 32

// Decode reads the body into T strictly: one JSON value and nothing after it, valid UTF-8, no duplicate and no unknown
// members, names matched exactly, at most MaxDepth levels. Each refusal names the place by a JSON Pointer.
func Decode[T any](r *Request) (T, error) {
	var v T
	if err := checkDepth(r.Body); err != nil {
		return v, err
	}
	if err := json.Unmarshal(r.Body, &v, json.RejectUnknownMembers(true)); err != nil {
		return v, decodeFault(err)
	}
	return v, nil
}

// checkDepth walks the tokens once, before anything recursive sees the input.
func checkDepth(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return decodeFault(err)
		}
		if d.StackDepth() > MaxDepth {
			return bad(fault.CodeJSONDepth, string(d.StackPointer()), "The body nests more than 32 levels deep.", "nested more than 32 levels deep")
		}
	}
}

func decodeFault(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return bad(fault.CodeJSONDuplicate, string(e.JSONPointer), "An object in the body names a member twice.", "this member is given more than once")
		}
		f := fault.New(fault.CodeJSONSyntax, "The body is not valid JSON: reading stopped at byte %d.", e.ByteOffset)
		f.Cause = err
		return f.With(fault.Field{Pointer: string(e.JSONPointer), Code: fault.CodeJSONSyntax, Detail: "not valid JSON here"})
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(err, json.ErrUnknownName) {
			return bad(fault.CodeJSONUnknownMember, string(e.JSONPointer), "The body has a member that this operation does not know.", "unknown member")
		}
		return bad(fault.CodeJSONType, string(e.JSONPointer), "A member of the body has the wrong JSON type.", "wrong type: "+kindName(e.JSONKind)+" is not accepted here")
	}
	f := fault.From(err, fault.CodeJSONSyntax, "The body is not valid JSON.")
	return f.With(fault.Field{Code: fault.CodeJSONSyntax, Detail: "not valid JSON"})
}

func bad(code fault.Code, pointer, detail, field string) error {
	return fault.New(code, "%s", detail).With(fault.Field{Pointer: pointer, Code: code, Detail: field})
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "text"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "this value"
}
