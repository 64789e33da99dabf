package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func TestOfKeepsTheFaultThroughWrapping(t *testing.T) {
	cause := errors.New("condition failed")
	err := fmt.Errorf("publish passport: %w", fault.From(cause, fault.CodeRevisionStale, "The passport is at revision 4."))
	if !errors.Is(err, fault.PreconditionFailed) {
		t.Errorf("errors.Is(err, PreconditionFailed) = false")
	}
	if !errors.Is(err, cause) {
		t.Errorf("the cause is lost")
	}
	if got := fault.Of(err); got.Code != fault.CodeRevisionStale || got.Detail != "The passport is at revision 4." {
		t.Errorf("Of = %+v", got)
	}
}

func TestOfWithholdsForeignErrors(t *testing.T) {
	got := fault.Of(errors.New("dial tcp 10.0.0.1: secret"))
	if got.Kind != fault.Internal || strings.Contains(got.Detail, "secret") {
		t.Errorf("Of = %+v", got)
	}
	if fault.Of(nil) != nil {
		t.Errorf("Of(nil) is not nil")
	}
}

func TestCatalogue(t *testing.T) {
	kinds := map[fault.Kind]bool{}
	for _, k := range fault.Kinds() {
		kinds[k] = true
	}
	seen := map[fault.Code]bool{}
	used := map[fault.Kind]bool{}
	for _, d := range fault.Catalogue() {
		if seen[d.Code] {
			t.Errorf("%s is documented twice", d.Code)
		}
		seen[d.Code], used[d.Kind] = true, true
		if !kinds[d.Kind] {
			t.Errorf("%s has the unknown kind %q", d.Code, d.Kind)
		}
		if d.Title == "" || !strings.HasSuffix(d.Help, ".") {
			t.Errorf("%s lacks a title or a whole sentence of help", d.Code)
		}
	}
	for k := range kinds {
		if !used[k] {
			t.Errorf("kind %s has no code", k)
		}
	}
	if fault.New(fault.CodeRateLimited, "x").Kind != fault.RateLimited {
		t.Errorf("New does not take the kind from the catalogue")
	}
}
