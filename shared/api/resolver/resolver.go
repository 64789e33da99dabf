// Package resolver answers whoever scans a data carrier: the public passport of a product as a page, as JSON or as
// JSON-LD, without login, cookie or tracking (Reg. (EU) 2023/1542 Art. 77(3), EN 18246 clause 5.1).
package resolver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/web/passportpage"
)

// The representations, best for machines first except that people come first of all.
const (
	html   = "text/html"
	plain  = "application/json"
	linked = "application/ld+json"
)

// cache lets browsers and edge caches keep an answer for a minute and ask whether it still holds after that.
const cache = "public, max-age=60, must-revalidate"

// Routes serves the Digital Link patterns: GET /01/{gtin}, /01/{gtin}/10/{lot} and /01/{gtin}/21/{serial}.
func Routes(s *passport.Resolver, groups *productgroup.Set, base string) []httpapi.Route {
	return []httpapi.Route{
		route(s, groups, base, "GET /01/{gtin}"),
		route(s, groups, base, "GET /01/{gtin}/10/{lot}"),
		route(s, groups, base, "GET /01/{gtin}/21/{serial}"),
	}
}

func route(s *passport.Resolver, groups *productgroup.Set, base, pattern string) httpapi.Route {
	return httpapi.Route{
		Function: "resolve-link", Pattern: pattern, Action: access.Public, Cache: cache,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			media, err := httpapi.Negotiate(r.Header.Get("Accept"), html, plain, linked)
			if err != nil {
				return nil, err
			}
			product, err := identifier.FromPath(r.URL.EscapedPath())
			if err != nil {
				return nil, badRequest(err)
			}
			v, err := s.Resolve(r.Context(), product)
			if err != nil {
				return nil, err
			}
			if v.Status == passport.Moved {
				return moved(v), nil
			}
			resp, err := represent(r, media, v, groups, base)
			if err != nil {
				return nil, err
			}
			resp.ETag = httpapi.ContentTag(resp.Raw)
			resp.Set("Vary", "Accept, Accept-Language")
			return resp.Set("Link", links(v, base)), nil
		},
		Present: problemPage,
	}
}

// moved leads to the successor of an operator who is gone. The address is taken up by whoever follows, so the redirect is
// not to be remembered for ever: a successor may have one too.
func moved(v passport.PublicView) *httpapi.Response {
	resp := &httpapi.Response{Status: http.StatusTemporaryRedirect, Raw: []byte("Moved to " + v.Successor + "\n"), ContentType: "text/plain; charset=utf-8"}
	return resp.Set("Location", v.Successor).Set("Link", "<"+v.Successor+`>; rel="successor-version"`)
}

// badRequest makes a broken identifier a malformed request: a resolver answers 400 (GS1 Conformant Resolver, 2.4).
func badRequest(err error) error {
	f := *fault.Of(err)
	f.Kind = fault.Malformed
	return &f
}

func represent(r *httpapi.Request, media string, v passport.PublicView, groups *productgroup.Set, base string) (*httpapi.Response, error) {
	if media == plain {
		return &httpapi.Response{Raw: v.Document, ContentType: plain}, nil
	}
	group, err := groups.Find(v.ProductGroup)
	if err != nil {
		return nil, fmt.Errorf("public view of %s: %w", v.Passport, err)
	}
	if media == linked {
		b, err := withContext(v.Document, group)
		return &httpapi.Response{Raw: b, ContentType: linked}, err
	}
	d, err := decode(v.Document)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(32 << 10)
	if err := passportpage.Passport(&b, page(r, v, d, group, base)); err != nil {
		return nil, fmt.Errorf("public page: %w", err)
	}
	resp := &httpapi.Response{Raw: b.Bytes(), ContentType: html + "; charset=utf-8"}
	return resp.Set("Content-Security-Policy", passportpage.ContentSecurityPolicy()), nil
}

func page(r *httpapi.Request, v passport.PublicView, d passport.Document, group *productgroup.Group, base string) passportpage.Page {
	languages := languages(r.Header.Get("Accept-Language"))
	sections := group.Describe(d.Content, languages)
	manufacturer, _ := d.Content["manufacturer"].(map[string]any)
	operator, _ := d.Content["responsibleOperator"].(map[string]any)
	p := passportpage.Page{
		Lang: "en", Title: title(d, group, languages), Product: v.Product, ProductGroup: group.Name(), GroupTitle: group.Title(),
		Granularity: v.Product.Granularity(), Version: d.Version, PublishedAt: v.At,
		Manufacturer: productgroup.Text(manufacturer["name"], nil), Operator: productgroup.Text(operator["name"], nil),
		CanonicalURL: base + v.Product.Path(), CarrierSVG: "/q/" + string(v.Passport) + ".svg", CarrierPNG: "/q/" + string(v.Passport) + ".png",
		KeyFacts: group.KeyFacts(sections), Sections: sections, PublicHash: d.PublicHash,
	}
	if d.Links != nil {
		p.Links = pageLinks(*d.Links)
	}
	if v.Kept != nil {
		p.Custody = &passportpage.Custody{Since: v.Kept.Since, Until: v.Kept.Until, Basis: v.Kept.Basis}
		p.PublishedAt = v.Kept.PublishedAt
	}
	return p
}

func pageLinks(l passport.DocumentLink) []passportpage.Link {
	var out []passportpage.Link
	for _, link := range []struct{ label, uri string }{{"Model", l.Model}, {"Batch", l.Batch}} {
		if p, err := identifier.Parse(link.uri); err == nil {
			out = append(out, passportpage.Link{Label: link.label, Href: p.Path()})
		}
	}
	return out
}

// title is what the product is called, or what it is.
func title(d passport.Document, group *productgroup.Group, languages []string) string {
	for _, member := range []string{"name", "batteryModelId"} {
		if s := productgroup.Text(d.Content[member], languages); s != "" {
			return s
		}
	}
	return group.Title()
}

// problemPage shows people a page instead of problem+json.
func problemPage(r *httpapi.Request, f *fault.Error, status int) *httpapi.Response {
	media, err := httpapi.Negotiate(r.Header.Get("Accept"), html, plain, linked)
	if err != nil || media != html {
		return nil
	}
	var b bytes.Buffer
	err = passportpage.Problem(&b, passportpage.ProblemPage{
		Lang: "en", Status: status, Title: f.Code.Title(), Detail: f.Detail, Help: f.Code.Help(), Code: string(f.Code),
		Path: r.URL.Path, RequestID: string(r.ID),
	})
	if err != nil {
		return nil
	}
	resp := &httpapi.Response{Raw: b.Bytes(), ContentType: html + "; charset=utf-8"}
	return resp.Set("Content-Security-Policy", passportpage.ContentSecurityPolicy()).Set("Vary", "Accept, Accept-Language")
}

// links names the other representations (RFC 8288).
func links(v passport.PublicView, base string) string {
	self := "<" + base + v.Product.Path() + ">"
	return strings.Join([]string{
		self + `; rel="canonical"`,
		self + `; rel="alternate"; type="` + plain + `"`,
		self + `; rel="alternate"; type="` + linked + `"`,
	}, ", ")
}

func decode(document []byte) (passport.Document, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var d passport.Document
	if err := dec.Decode(&d); err != nil {
		return d, fmt.Errorf("public document: %w", err)
	}
	return d, nil
}

// withContext puts the JSON-LD context in front of the members of a document. The context is inline: reading a passport
// must not depend on another server, and must not tell it who reads what.
func withContext(document []byte, group *productgroup.Group) ([]byte, error) {
	const vocabulary = productgroup.Vocabulary + "passport/1#"
	own := map[string]any{
		"@version": 1.1, "productIdentifier": "@id",
		"links": map[string]any{"@id": vocabulary + "links", "@context": map[string]any{
			"model": map[string]any{"@id": vocabulary + "model", "@type": "@id"},
			"batch": map[string]any{"@id": vocabulary + "batch", "@type": "@id"},
		}},
		"publishedAt": map[string]any{"@id": vocabulary + "publishedAt", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
		"content":     map[string]any{"@id": vocabulary + "content", "@context": group.Context()},
	}
	for _, member := range []string{"id", "productGroup", "schemaVersion", "granularity", "status", "version", "publicHash"} {
		own[member] = vocabulary + member
	}
	b, err := passport.Encode(own)
	if err != nil || len(document) < 2 || document[0] != '{' {
		return nil, fmt.Errorf("public document has no members: %w", err)
	}
	out := append([]byte(`{"@context":`), b...)
	out = append(out, ',')
	return append(out, document[1:]...), nil
}

// languages lists the languages of an Accept-Language header in the order given; weights are ignored, since browsers
// send them in order.
func languages(header string) []string {
	var out []string
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if tag = strings.TrimSpace(tag); tag != "" && tag != "*" && len(out) < 10 {
			out = append(out, tag)
		}
	}
	return out
}
