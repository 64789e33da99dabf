package markup_test

import (
	"math"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/markup"
)

func TestContrastFormula(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000", "#fff", 21}, {"#777777", "#fff", 4.48}, {"#0b5d43", "#0b5d43", 1}} {
		if got := markup.Contrast(markup.RGB(t, tt.a), markup.RGB(t, tt.b)); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%s on %s: %.2f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}

// fatal notes that a test would have ended.
type fatal struct{ called bool }

func (*fatal) Helper()                 {}
func (f *fatal) Fatalf(string, ...any) { f.called = true; panic(f) }

// TestParseRefuses holds that what browsers would mend is no page of ours.
func TestParseRefuses(t *testing.T) {
	for _, bad := range []string{"<p><b></p></b>", "<p>", `<p id="a" id="b"></p>`, "<p>\xff</p>", "<p>\x01</p>"} {
		f := &fatal{}
		func() {
			defer func() { _ = recover() }()
			markup.Parse(f, bad)
		}()
		if !f.called {
			t.Errorf("%q is taken for a page", bad)
		}
	}
	page := markup.Parse(t, `<div>a<p class="x">b<br>c</p></div>`)
	if len(page) != 3 || page[0].Text != "abc" || page[0].Own != "a" || page[1].Parent != 0 || page[1].Attrs["class"] != "x" {
		t.Errorf("%+v", page)
	}
}
