package gateway

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/infra/local/template"
)

// FuzzQueryParameters compares with the standard library wherever the two follow the same rules.
func FuzzQueryParameters(f *testing.F) {
	for _, seed := range []string{"", "a=1&a=2", "a", "=", "&&", "a=%2B+b", "a=%zz", "a;b=1", "a==b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		single, multi, err := queryParameters(raw)
		want, wantErr := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if len(want) == 0 {
			want = nil
		}
		if d := cmp.Diff(map[string][]string(want), multi); d != "" {
			t.Error(d)
		}
		for name, v := range single {
			if multi[name][len(multi[name])-1] != v {
				t.Errorf("%s: the single value must be the last", name)
			}
		}
	})
}

// Every path made from a template path by filling its parameters is found again, with those values.
func TestFilledPathsAreFound(t *testing.T) {
	tpl, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root := &node{}
	type served struct {
		template.Route
		function string
	}
	var all []served
	for _, f := range tpl.Functions {
		for _, r := range f.Routes {
			if err := root.add(r, f.Folder); err != nil {
				t.Fatal(err)
			}
			all = append(all, served{r, f.Folder})
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(all).Draw(t, "route")
		want := map[string]string{}
		segments := strings.Split(r.Path, "/")
		for i, s := range segments {
			if strings.HasPrefix(s, "{") {
				// The digit keeps a value from being a written-out segment of the template.
				segments[i] = "0" + url.PathEscape(rapid.String().Draw(t, "value"))
				want[strings.Trim(s, "{}")] = segments[i]
			}
		}
		method := r.Method
		if method == template.Any {
			method = "TRACE" // which no function has for itself
		}
		hit := root.find(method, strings.Join(segments, "/"))
		if hit.route == nil || hit.route.function != r.function || hit.route.path != r.Path {
			t.Fatalf("found %+v for %v", hit.route, r)
		}
		got := map[string]string{}
		for i, name := range hit.names {
			got[name] = hit.values[i]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestWrittenOutWinsAndSearchGoesBack(t *testing.T) {
	root := &node{}
	for i, p := range []string{"/a/{x}/c", "/a/b/d", "/a/{x}/{y+}", "/{all+}"} {
		if err := root.add(template.Route{Method: template.Any, Path: p}, string(rune('0'+i))); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/a/b/d": "/a/b/d", "/a/b/c": "/a/{x}/c", "/a/b/e": "/a/{x}/{y+}", "/a/b/e/f": "/a/{x}/{y+}", "/z/y": "/{all+}", "/a": "/{all+}"} {
		hit := root.find("GET", path)
		if hit.route == nil || hit.route.path != want {
			t.Errorf("%s: %+v, want %s", path, hit, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	root := &node{}
	for _, p := range []string{"/", "/a", "/a/{x}/c", "/a/b/d", "/g/{rest+}"} {
		if err := root.add(template.Route{Method: "GET", Path: p}, "f"); err != nil {
			f.Fatal(err)
		}
	}
	for _, seed := range []string{"/", "", "/a/", "/a//c", "/g/x//", "a/b", "/a/b/c/d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		hit := root.find("GET", path)
		if len(hit.names) != len(hit.values) {
			t.Errorf("%d names, %d values", len(hit.names), len(hit.values))
		}
		for i, v := range hit.values {
			if v == "" || hit.names[i] == "x" && strings.Contains(v, "/") {
				t.Errorf("%q is not a value of %s", v, hit.names[i])
			}
		}
	})
}
