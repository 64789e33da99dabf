package audience_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
)

func TestAnnexXIII(t *testing.T) {
	for _, tc := range []struct {
		point int
		want  []audience.Audience
	}{
		{1, []audience.Audience{audience.Public, audience.LegitimateInterest, audience.Authority}},
		{2, []audience.Audience{audience.LegitimateInterest, audience.Authority}},
		{3, []audience.Audience{audience.Authority}},
		{4, []audience.Audience{audience.LegitimateInterest}},
		{0, nil}, {5, nil}, {-1, nil},
	} {
		if d := cmp.Diff(tc.want, audience.AnnexXIII(tc.point).List()); d != "" {
			t.Errorf("point %d (-want +got):\n%s", tc.point, d)
		}
	}
}

// TestAnnexXIIIAgainstTheList compares the sets with the list made from Article 77(2).
func TestAnnexXIIIAgainstTheList(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/standards/battery/annex-xiii-access.json")
	if err != nil {
		t.Skip("standards data is not beside the repository: ../shared/standards/battery/annex-xiii-access.json")
	}
	var doc struct {
		Audiences map[string]struct{ Points []int }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	names := map[string]audience.Audience{
		"public": audience.Public, "legitimateInterest": audience.LegitimateInterest,
		"notifiedBodies_marketSurveillance_Commission": audience.Authority,
	}
	if len(doc.Audiences) != len(names) {
		t.Fatalf("%d audiences in the list", len(doc.Audiences))
	}
	for name, of := range doc.Audiences {
		for point := range 6 {
			if got, want := audience.AnnexXIII(point).Has(names[name]), slices.Contains(of.Points, point); got != want {
				t.Errorf("%s reads point %d: %v, want %v", name, point, got, want)
			}
		}
	}
}

// TestSets holds that a set has what it was made of and nothing else: no audience brings another with it.
func TestSets(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := rapid.SliceOfDistinct(rapid.SampledFrom(audience.All()), func(a audience.Audience) audience.Audience { return a }).Draw(rt, "audiences")
		s, err := audience.Of(in...)
		if err != nil {
			rt.Fatal(err)
		}
		for _, a := range audience.All() {
			if s.Has(a) != slices.Contains(in, a) {
				rt.Fatalf("%v has %s: %v", in, a, s.Has(a))
			}
		}
		if len(s.List()) != len(in) {
			rt.Fatalf("%v lists %v", in, s.List())
		}
	})
}

func TestUnknownAudience(t *testing.T) {
	if s, err := audience.Of(audience.Public, "everybody"); err == nil || s != 0 {
		t.Errorf("an unknown audience makes %v, %v", s, err)
	}
	for _, a := range []audience.Audience{"", "everybody", "Public"} {
		if audience.AnnexXIII(1).Has(a) {
			t.Errorf("%q reads what is public", a)
		}
	}
}
