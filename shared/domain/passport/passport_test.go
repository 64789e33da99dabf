package passport_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/passport"
)

// TestMerge holds the examples that RFC 7396 is about.
func TestMerge(t *testing.T) {
	for _, tc := range []struct{ name, target, patch, want string }{
		{"replace", `{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{"add", `{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{"remove", `{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{"list is replaced whole", `{"a":["b"]}`, `{"a":[1]}`, `{"a":[1]}`},
		{"nested", `{"a":{"b":"c","d":1}}`, `{"a":{"b":"x","d":null}}`, `{"a":{"b":"x"}}`},
		{"object over text", `{"a":"x"}`, `{"a":{"b":null,"c":1}}`, `{"a":{"c":1}}`},
		{"nothing", `{"a":1}`, `{}`, `{"a":1}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target := content(t, tc.target)
			got := passport.Merge(target, content(t, tc.patch))
			if d := cmp.Diff(content(t, tc.want), got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(content(t, tc.target), target); d != "" {
				t.Errorf("the target was changed: %s", d)
			}
		})
	}
}

// TestMergeTwice states the law of merging: doing it again changes nothing.
func TestMergeTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		target, patch := object(rt, 3, false), object(rt, 3, true)
		once := passport.Merge(target, patch)
		if d := cmp.Diff(once, passport.Merge(once, patch)); d != "" {
			rt.Fatal(d)
		}
	})
}

func object(rt *rapid.T, depth int, nulls bool) map[string]any {
	m := map[string]any{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(rt, "names") {
		switch kind := rapid.IntRange(0, 3).Draw(rt, "kind"); {
		case kind == 0 && nulls:
			m[name] = nil
		case kind == 1 && depth > 0:
			m[name] = object(rt, depth-1, nulls)
		default:
			m[name] = rapid.StringN(0, 3, -1).Draw(rt, "text")
		}
	}
	return m
}

// TestHashIsOfTheMeaning holds that order and spelling of numbers do not matter, and everything else does.
func TestHashIsOfTheMeaning(t *testing.T) {
	hash := func(c string) string {
		h, err := passport.Hash(passport.Version{ProductGroup: "general", Content: content(t, c)})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(`{"a":1.0,"b":"x"}`) != hash(`{"b":"x","a":1}`) {
		t.Error("the same content has two hashes")
	}
	if hash(`{"a":1}`) == hash(`{"a":2}`) || hash(`{"a":"1"}`) == hash(`{"a":1}`) {
		t.Error("two contents have one hash")
	}
}

func content(t *testing.T, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}
