package passportpage_test

import (
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/web/passportpage"
)

// corpus is what people with bad intentions, and people with other scripts, put into texts.
func corpus() []string {
	return []string{
		`<script>alert(1)</script>`, `</script><script>alert(1)</script>`, `</style><style>*{display:none}</style>`, `</title><img src=x onerror=alert(1)>`,
		`"><svg onload=alert(1)>`, `' onmouseover='alert(1)`, `" style="position:fixed`, `<!-- `, `--> <b>`, `]]>`, `<![CDATA[`, `&lt;script&gt;`, `&#60;b&#62;`, `&amp`,
		`{{constructor.constructor('alert(1)')()}}`, `${alert(1)}`, "javascript:alert(1)", `<a href="//evil.example">x</a>`, `<bdi>`, `</bdi></dd></dl></main>`,
		`<plaintext>`, `<textarea>`, `<base href=//evil.example>`, `<meta http-equiv=refresh content=0;url=//evil.example>`,
		"safe \u202egpj.exe", "\u202d\u202e\u2066\u2067\u2068\u202a\u202bx", "x\u2069\u202c\u2069 y", "\u200fקוראים\u200e", "بطارية ليثيوم أيون", "مرحبا <b>", "漢字カタカナ",
		"a\x00b", "\x1b[31m", "line\nbreak\r\ntab\t", "\xff\xfe", "\xed\xa0\x80", "\ufeff", "\ufffe\uffff", "e\u0301\u0302\u0303\u0304\u0305", "\u2028\u2029",
		strings.Repeat("W", 5000), strings.Repeat("<", 300), strings.Repeat("\U0001F50B", 50), "%3Cscript%3E", "+ADw-script+AD4-", `\u003cscript\u003e`,
	}
}

// spoken is a page that says s wherever it says something of the passport.
func spoken(t fataler, s string) passportpage.Page {
	t.Helper()
	p := full(t)
	p.Title, p.GroupTitle, p.Manufacturer, p.Operator, p.PublicHash = s, s, "by "+s, s, s
	p.Links[0].Label = s
	row := productgroup.Row{Label: s, Help: s, DataPoint: 3, Values: []productgroup.Value{
		{Text: s}, {Text: s, Unit: "u" + s}, {Text: s + "https://known.example/", Href: "https://known.example/"},
	}}
	p.KeyFacts = []productgroup.Row{row}
	p.Sections = []productgroup.Section{{Title: "t" + s, Rows: []productgroup.Row{row, row}}}
	return p
}

// invisible are the characters that would turn round the text after them.
const invisible = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

// Whatever a passport says, the page has the same elements; what is said can be read, and nothing around it turns round.
func checkHostile(t fataler, s string) {
	t.Helper()
	_, harmless := passport(t, spoken(t, "word"))
	source, p := passport(t, spoken(t, s))
	if d := cmp.Diff(harmless.shape(), p.shape()); d != "" {
		t.Fatalf("%q changes the markup:\n%s", s, d)
	}
	if strings.ContainsAny(source, invisible) || strings.ContainsAny(html.UnescapeString(source), invisible) {
		t.Fatalf("%q turns round the text after it", s)
	}
	plain := utf8.ValidString(s) && !strings.ContainsAny(s, invisible) && strings.IndexFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r&0xfffe == 0xfffe
	}) < 0
	if plain && !strings.Contains(p.all("h1")[0].text, s) {
		t.Fatalf("%q is shown as %q", s, p.all("h1")[0].text)
	}
	for _, e := range p {
		if e.name != "bdi" && e.name != "title" && strings.Contains(e.own, hebrew) {
			t.Fatalf("%q stands in a %s without isolation", s, e.name)
		}
	}
}

// hebrew is a letter that the page's own words do not have, and that would turn round a number after it.
const hebrew = "\u05d0"

func TestHostileTexts(t *testing.T) {
	for _, s := range corpus() {
		checkHostile(t, s)
		hostileProblem(t, s)
	}
	checkHostile(t, hebrew)
	checkHostile(t, hebrew+" 12")
}

func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[<>"'&;/a-c=\x{202a}-\x{202e}\x{2066}-\x{2069}\x{5d0} ]{1,20}`)).Draw(t, "text")
		if s == "" {
			return // leaves parts of the page out
		}
		checkHostile(t, s)
		hostileProblem(t, s)
	})
}

func hostileProblem(t fataler, s string) {
	t.Helper()
	with := func(s string) passportpage.ProblemPage {
		return passportpage.ProblemPage{Status: 404, Title: s, Detail: s, Help: s, Code: s, Path: s, RequestID: s}
	}
	_, harmless := problem(t, with("word"))
	source, p := problem(t, with(s))
	if d := cmp.Diff(harmless.shape(), p.shape()); d != "" {
		t.Fatalf("%q changes the markup:\n%s", s, d)
	}
	if strings.ContainsAny(source, invisible) {
		t.Fatalf("%q turns round the text after it", s)
	}
}

func TestOutsideLinks(t *testing.T) {
	tests := []struct {
		href, text string
		link       bool
		host       string // shown beside the text
	}{
		{"https://maker.example/doc.pdf", "Declaration", true, "maker.example"},
		{"https://maker.example/doc.pdf", "https://maker.example/doc.pdf", true, ""},
		{"https://evil.example/", "https://maker.example/", true, "evil.example"},
		{"http://maker.example:8080/a?b=c&d=%3C#e", "Report", true, "maker.example"},
		{"HTTPS://maker.example/", "Report", true, "maker.example"},
		{"mailto:care@maker.example", "care@maker.example", true, ""},
		{"https://maker.example/\"onclick=alert(1)", "Quote", true, "maker.example"},
		{"javascript:alert(1)", "x", false, ""},
		{"JaVaScRiPt:alert(1)", "x", false, ""},
		{"java\tscript:alert(1)", "x", false, ""},
		{" javascript:alert(1)", "x", false, ""},
		{"\u0001javascript:alert(1)", "x", false, ""},
		{"data:text/html,<script>alert(1)</script>", "x", false, ""},
		{"vbscript:x", "x", false, ""},
		{"blob:https://maker.example/1", "x", false, ""},
		{"file:///etc/passwd", "x", false, ""},
		{"ftp://maker.example/", "x", false, ""},
		{"tel:+4900000", "x", false, ""},
		{"//evil.example/", "x", false, ""},
		{"/01/09506000134352", "x", false, ""},
		{"https:evil.example", "x", false, ""},
		{"https:///path", "x", false, ""},
		{"https://maker.example@evil.example/", "x", false, ""},
		{"https://ma ker.example/", "x", false, ""},
		{"https://maker.example/\u202e", "x", false, ""},
		{"https://m\u0430ker.example/", "x", false, ""},
		{"http://[::1", "x", false, ""},
		{"mailto:", "x", false, ""},
		{"mailto:a@b.example,c@d.example", "x", false, ""},
		{"mailto:a@b.example?bcc=c@d.example", "x", false, ""},
		{"", "x", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.href, func(t *testing.T) {
			p := passportpage.Page{Title: "Thing", Sections: []productgroup.Section{{Title: "S", Rows: []productgroup.Row{
				{Label: "L", Values: []productgroup.Value{{Text: tt.text, Href: tt.href}}}}}}}
			source, elements := passport(t, p)
			var found []element
			for _, a := range elements.all("a") {
				if !strings.HasPrefix(a.attrs["href"], "#") {
					found = append(found, a)
				}
			}
			if !tt.link {
				if len(found) > 0 {
					t.Fatalf("a link to %s", found[0].attrs["href"])
				}
				return
			}
			if len(found) != 1 || found[0].attrs["href"] != tt.href || found[0].attrs["rel"] != "noopener noreferrer nofollow" || found[0].text != tt.text {
				t.Fatalf("links: %v", found)
			}
			if shown := strings.Contains(source, `<span class="soft">`+tt.host+`</span>`); shown != (tt.host != "") {
				t.Errorf("the host is shown: %t", shown)
			}
		})
	}
}

func TestOwnLinksStayHere(t *testing.T) {
	for _, path := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "/\t/evil.example", "javascript:alert(1)", "", "q"} {
		p := full(t)
		p.CarrierSVG, p.CarrierPNG, p.JSONPath, p.Links[0].Href = path, path, path, path
		p.Sections = nil
		_, elements := passport(t, p)
		if n := len(elements.all("img")); n > 0 {
			t.Errorf("%q is shown as the carrier", path)
		}
		for _, a := range elements.all("a") {
			if !strings.HasPrefix(a.attrs["href"], "#") {
				t.Errorf("%q is linked", a.attrs["href"])
			}
		}
	}
}
