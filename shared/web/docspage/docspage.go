// Package docspage writes the pages that explain the platform to people: the start page and the error reference.
package docspage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const style = `:root{color-scheme:light dark;--ink:#16211d;--soft:#4c5a54;--line:#d5ddd8;--paper:#fbfcfa;--accent:#0b5d43}
@media(prefers-color-scheme:dark){:root{--ink:#e9efec;--soft:#a9b8b1;--line:#34413b;--paper:#121815;--accent:#7fd1b0}}
body{margin:0 auto;max-width:46rem;padding:2rem 1.25rem 4rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--accent)}h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}
code{font-family:ui-monospace,monospace;font-size:.92em}pre{padding:.9rem;border:1px solid var(--line);border-radius:.4rem;overflow-x:auto}
p{margin:.4rem 0}.soft{color:var(--soft)}section{border-top:1px solid var(--line);margin-top:1.2rem}`

// ContentSecurityPolicy allows the one inline style sheet and nothing else.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func begin(b *bytes.Buffer, title string) {
	fmt.Fprintf(b, `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title><style>%s</style></head><body><main>`, html.EscapeString(title), style)
}

func end(b *bytes.Buffer) { b.WriteString(`</main></body></html>`) }

// Home writes the start page.
func Home(w io.Writer) error {
	b := &bytes.Buffer{}
	begin(b, "PassportCraft")
	b.WriteString(`<h1>PassportCraft</h1>
<p>Digital product passports: create them, keep them for decades, show each reader what the law gives them.</p>
<h2>Read a passport</h2>
<p>Scan the code on a product, or open <code>/01/{gtin}</code>, <code>/01/{gtin}/10/{batch}</code> or <code>/01/{gtin}/21/{serial}</code>. Ask for <code>application/json</code> or <code>application/ld+json</code> to get data.</p>
<h2>Write one</h2>
<pre>curl -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
  -d '{"productGroup":"general","granularity":"model",
       "productIdentifier":"https://id.gs1.org/01/09506000134376",
       "content":{"name":{"en":"Oak chair"},"manufacturer":{"name":"Nordeiche"}}}' \
  /v1/passports</pre>
<h2>Reference</h2>
<ul><li><a href="/openapi.yaml">openapi.yaml</a>: every operation</li><li><a href="/docs/errors">Errors</a>: every code and what to do</li></ul>`)
	end(b)
	_, err := b.WriteTo(w)
	return err
}

// Errors writes the error reference: one anchored section per code.
func Errors(w io.Writer, status func(fault.Kind) int) error {
	b := &bytes.Buffer{}
	begin(b, "Errors · PassportCraft")
	b.WriteString(`<h1>Errors</h1><p>A refusal is a problem document (RFC 9457) with one of these codes. Codes are never renamed.</p>`)
	for _, d := range fault.Catalogue() {
		fmt.Fprintf(b, `<section id="%s"><h2>%s</h2><p class="soft"><code>%s</code> · %d</p><p>%s</p></section>`,
			d.Code, html.EscapeString(d.Title), d.Code, status(d.Kind), html.EscapeString(d.Help))
	}
	end(b)
	_, err := b.WriteTo(w)
	return err
}
