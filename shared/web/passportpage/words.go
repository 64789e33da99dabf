package passportpage

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

const (
	shownValues = 6  // of a longer list the rest folds away
	factValues  = 3  // in a key fact
	shortText   = 26 // characters that fit beside a label on a phone
	shortFact   = 18 // characters of a key fact that fit half a phone's width on one line or two
)

// lang is the language of the page's own words.
func lang(tag string) string {
	if tag == "" {
		return "en"
	}
	return tag
}

// clean makes a text printable: broken UTF-8, noncharacters and control characters other than tab and newline become
// U+FFFD, which shows that something was there. The characters that embed, override or isolate a direction (Unicode Standard Annex 9,
// clause 2) are taken out: a stray one would end the isolation that <bdi> gives and turn round what follows. Right-to-left
// text needs none of them.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\t' && r != '\n', r >= 0x7f && r < 0xa0, r&0xfffe == 0xfffe:
			return utf8.RuneError
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// plain is clean on one line.
func plain(s string) string { return strings.NewReplacer("\n", " ", "\t", " ").Replace(clean(s)) }

// target is an address that may become a link.
type target struct {
	href string
	host string // to be shown beside a text that does not say it
}

// outside tells whether an address may become a link: http or https with a host and without a user name, which could
// pass for one, or a plain e-mail address.
func outside(href, text string) (target, bool) {
	u, err := url.Parse(href)
	if err != nil || strings.ContainsFunc(href, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return target{}, false
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" || u.User != nil {
			return target{}, false
		}
		t := target{href: href, host: u.Hostname()}
		if strings.Contains(strings.ToLower(text), strings.ToLower(t.host)) {
			t.host = ""
		}
		return t, true
	case "mailto":
		return target{href: href}, strings.Count(u.Opaque, "@") == 1 && u.RawQuery == "" && u.Fragment == ""
	}
	return target{}, false
}

// here tells whether a path leads to this host.
func here(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "\\\t\r\n")
}

// kind says what the passport is about, for example "Battery · one item".
func kind(p Page) string {
	level := p.Granularity
	if level == "" {
		level = p.Product.Granularity()
	}
	words := "a model"
	switch level {
	case identifier.Item:
		words = "one item"
	case identifier.Batch:
		words = "one batch"
	}
	if p.GroupTitle == "" {
		return "Passport of " + words
	}
	return p.GroupTitle + " · " + words
}

// maker is the manufacturer, unless the key facts say it anyway.
func maker(p Page) string {
	for _, row := range p.KeyFacts {
		for _, v := range row.Values {
			if v.Text == p.Manufacturer {
				return ""
			}
		}
	}
	return p.Manufacturer
}

// filled leaves out rows and sections without content.
func filled(sections []productgroup.Section) []productgroup.Section {
	var out []productgroup.Section
	for _, s := range sections {
		if rows := filledRows(s.Rows); len(rows) > 0 {
			title := s.Title
			if title == "" {
				title = "Further data"
			}
			out = append(out, productgroup.Section{Title: title, Rows: rows})
		}
	}
	return out
}

func filledRows(rows []productgroup.Row) []productgroup.Row {
	var out []productgroup.Row
	for _, r := range rows {
		if len(r.Values) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// anchor is the address of a section in the page.
func anchor(i int) string { return "s" + strconv.Itoa(i+1) }

// explained tells whether any row of a section has an explanation.
func explained(rows []productgroup.Row) bool {
	for _, r := range rows {
		if r.Help != "" {
			return true
		}
	}
	return false
}

// numbered tells whether any row carries the number of a data point.
func numbered(sections []productgroup.Section) bool {
	for _, s := range sections {
		for _, r := range s.Rows {
			if r.DataPoint > 0 {
				return true
			}
		}
	}
	return false
}

// rowClass puts a short value beside its label and gives a long one the whole width.
func rowClass(r productgroup.Row) string {
	if len(r.Values) == 1 && r.Values[0].Href == "" && utf8.RuneCountInString(r.Values[0].Text)+len(r.Values[0].Unit) <= shortText {
		return "row"
	}
	return "row wide"
}

// factClass gives a key fact in many words more room.
func factClass(r productgroup.Row) string {
	for _, v := range r.Values {
		if utf8.RuneCountInString(v.Text)+len(v.Unit) > shortFact {
			return "long"
		}
	}
	return "brief"
}

// unit is what follows a number: a percent sign closes up, anything else keeps a space that does not break.
func unit(u string) string {
	if u == "" || u == "%" {
		return u
	}
	return "\u00a0" + u
}

// day and minute are how people read an instant; readers everywhere get UTC and are told so.
func day(t time.Time) string    { return t.UTC().Format("2 January 2006") }
func minute(t time.Time) string { return t.UTC().Format("15:04") + " UTC" }
func machine(t time.Time) string {
	return t.UTC().Format(time.RFC3339)
}

// advice is what somebody who scanned a product can do; help for everything that has no words of its own here.
func advice(p ProblemPage) string {
	switch {
	case p.Code == "passport-suspended":
		return "It may come back under the same code. Scan it again later, or ask the company named on the product."
	case p.Code == "passport-ceased":
		return "The code on the product was right. Its passport has ended with it, and nothing else will be published under this address."
	case p.Status == 410:
		return "The code on the product was right. Nothing will be published under it again; ask the company named on the product if you need its last data."
	case p.Code == "passport-not-found":
		return "Clean the code and scan it once more. If you typed the address, compare it with the print on the product. Some passports are published only when the product is sold: the seller or the maker can tell."
	case p.Status == 400:
		return "Scan the code again instead of typing it, or compare what you typed with the print on the product, character by character."
	case p.Status >= 500:
		return "This is not the product's fault or yours. Try again in a minute."
	}
	return p.Help
}
