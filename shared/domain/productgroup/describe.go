package productgroup

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Section is a titled run of rows for people to read.
type Section struct {
	Title string
	Rows  []Row
}

// Row is one data element with its values.
type Row struct {
	Label     string
	Help      string
	DataPoint int // number in the Commission's guidance, 0 if none
	Pointer   string
	Values    []Value
}

// Value is one value in words. Href is set when it is an address on the web or an e-mail address.
type Value struct {
	Text string
	Unit string
	Href string
}

// Describe puts content into words, in the reading order of the schema. Languages are tried in order where a text is
// given in several; the content is shown as it is, so pass what the reader may see.
func (g *Group) Describe(content map[string]any, languages []string) []Section {
	d := describer{languages: languages}
	d.walk(g.parsed().root, content, "", "")
	return d.sections
}

// KeyFacts picks the rows that a reader in a hurry wants first.
func (g *Group) KeyFacts(sections []Section) []Row {
	var out []Row
	for _, pointer := range g.parsed().keyFacts {
		for _, s := range sections {
			for _, r := range s.Rows {
				if r.Pointer == pointer {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// Text picks the best language of a language map, or the text itself.
func Text(v any, languages []string) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return pick(v, languages)
	}
	return ""
}

type describer struct {
	languages []string
	sections  []Section
}

func (d *describer) walk(n *node, content map[string]any, section, pointer string) {
	for _, child := range n.Properties {
		v, ok := content[child.name]
		if !ok {
			continue
		}
		in, at := section, pointer+"/"+child.name
		if child.Section != "" {
			in = child.Section
		}
		if below, ok := v.(map[string]any); ok && len(child.Properties) > 0 && (child.Levels == nil && child.Display == "" || child.Display == "lines") {
			d.walk(child, below, in, at)
			continue
		}
		if values := d.values(child, v); len(values) > 0 {
			d.add(in, Row{Label: child.Title, Help: child.Description, DataPoint: child.DataPoint, Pointer: at, Values: values})
		}
	}
}

func (d *describer) add(section string, r Row) {
	for i := range d.sections {
		if d.sections[i].Title == section {
			d.sections[i].Rows = append(d.sections[i].Rows, r)
			return
		}
	}
	d.sections = append(d.sections, Section{Title: section, Rows: []Row{r}})
}

func (d *describer) values(n *node, v any) []Value {
	list, ok := v.([]any)
	if !ok {
		if one := d.value(n, v); one.Text != "" {
			return []Value{one}
		}
		return nil
	}
	if len(list) == 0 {
		return []Value{{Text: "none"}}
	}
	var out []Value
	for _, e := range list {
		item := n.Items
		if item == nil {
			item = &node{}
		}
		if one := d.value(item, e); one.Text != "" {
			out = append(out, one)
		}
	}
	return out
}

func (d *describer) value(n *node, v any) Value {
	switch v := v.(type) {
	case string:
		if word, ok := n.Words[v]; ok {
			return Value{Text: word}
		}
		return Value{Text: v, Unit: n.Unit, Href: href(n, v)}
	case json.Number:
		return Value{Text: readable(v.String()), Unit: n.Unit}
	case float64:
		return Value{Text: readable(strconv.FormatFloat(v, 'f', -1, 64)), Unit: n.Unit}
	case bool:
		if v {
			return Value{Text: "yes"}
		}
		return Value{Text: "no"}
	case map[string]any:
		return d.object(n, v)
	}
	return Value{}
}

// object puts an object into one line: a range as "from to", an address with commas, anything else with its labels.
func (d *describer) object(n *node, v map[string]any) Value {
	if n.Display == languageMap {
		return Value{Text: pick(v, d.languages)}
	}
	if n.Display == "range" {
		low, high := d.value(&node{}, v["minC"]), d.value(&node{}, v["maxC"])
		return Value{Text: low.Text + " to " + high.Text, Unit: n.Unit}
	}
	var parts []string
	link := ""
	for i, child := range n.Properties {
		values := d.values(child, v[child.name])
		for _, one := range values {
			if one.Href != "" && link == "" {
				link = one.Href
				if len(n.Properties) > 1 && i > 0 && !strings.HasPrefix(one.Href, "mailto:") {
					continue // the whole line becomes the link
				}
			}
			parts = append(parts, part(n, child, i, one))
		}
	}
	separator := " · "
	if n.Display == "address" {
		separator = ", "
	}
	if len(parts) == 0 {
		return Value{Text: link, Href: link}
	}
	return Value{Text: strings.Join(parts, separator), Href: link}
}

// part is one member of an object in words. The first member and those of an address speak for themselves.
func part(n, child *node, position int, v Value) string {
	s := v.Text
	switch {
	case v.Unit == "%" || v.Unit == "":
		s += v.Unit
	default:
		s += " " + v.Unit
	}
	if position == 0 || n.Display == "address" || v.Href != "" || child.Unit == "%" && child.name == "sharePct" {
		return s
	}
	return child.Title + " " + s
}

func pick(m map[string]any, languages []string) string {
	for _, l := range append(append([]string(nil), languages...), "en") {
		for len(l) > 0 {
			if s, ok := m[l].(string); ok {
				return s
			}
			cut := strings.LastIndexByte(l, '-')
			if cut < 0 {
				break
			}
			l = l[:cut]
		}
	}
	names := make([]string, 0, len(m))
	for l := range m {
		names = append(names, l)
	}
	sort.Strings(names)
	for _, l := range names {
		if s, ok := m[l].(string); ok {
			return s
		}
	}
	return ""
}

func href(n *node, s string) string {
	switch {
	case n.Format == "uri" && (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")):
		return s
	case n.Format == "email":
		return "mailto:" + s
	}
	return ""
}

// readable groups the digits of a long whole part: 12500 becomes 12 500 (with narrow no-break spaces).
func readable(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	if strings.ContainsAny(number, "eE") || len(whole) < 5 {
		return sign + strings.TrimPrefix(number, "-")
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString("\u202f")
		}
		b.WriteRune(c)
	}
	if fraction != "" {
		return fmt.Sprintf("%s%s.%s", sign, b.String(), fraction)
	}
	return sign + b.String()
}
