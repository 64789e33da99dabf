package issuers

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/web/frame"
)

// style is the style sheet of every page, in the colours of the product.
const style = frame.Palette + frame.Base + `html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.in{max-width:30rem;width:100%;margin:0 auto;padding-left:1.25rem;padding-right:1.25rem}
p{margin:0}
.band .in{padding-top:1.5rem;padding-bottom:1.4rem}
.kind{font-size:.875rem;font-weight:600;color:var(--gilt)}
h1{margin:.5rem 0 0;font-size:clamp(1.75rem,1.5rem + 1.3vw,2.25rem);line-height:1.15}
main{flex:1;padding-top:1.6rem;padding-bottom:2.5rem}
form{display:grid;gap:1.1rem}
label{display:block;font-weight:600}
.hint{color:var(--soft);font-size:.9375rem}
input:not([type=checkbox]){display:block;width:100%;min-height:3rem;margin-top:.3rem;padding:.6rem .8rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--paper);color:var(--ink);font:inherit}
.box{display:flex;gap:.7rem;align-items:start;font-weight:400}
.box input{width:1.25rem;height:1.25rem;margin:.15rem 0 0;flex:none;accent-color:var(--accent)}
button{min-height:3rem;padding:.7rem 1.3rem;border:0;border-radius:.5rem;background:var(--accent);color:var(--paper);font:inherit;font-weight:600;cursor:pointer}
button:hover{text-decoration:underline}
.ways{display:grid;gap:.75rem;margin-top:1.6rem;padding-top:1.6rem;border-top:1px solid var(--line)}
.way{display:block;padding:.7rem 1.1rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--tint);color:var(--ink);text-align:center;text-decoration:none;font-weight:600}
.way:hover{border-color:var(--accent)}
.error{margin-bottom:1.2rem;padding:.85rem 1rem;background:var(--tint);border-left:4px solid var(--warn)}
.error b{color:var(--warn)}
footer .in{padding-top:1.1rem;padding-bottom:1.6rem}
`

const layout = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>{{.Title}} · {{.Kind}}</title><link rel="icon" href="data:,">{{style}}</head>
<body><header class="band"><div class="in"><p class="kind">{{.Kind}}</p><h1>{{.Title}}</h1></div></header>
<main class="in">{{with .Error}}<p class="error" role="alert" id="error"><b>That did not work.</b> {{.}}</p>{{end}}
{{if .Fields}}<form method="post" action="{{.Action}}">{{range .Fields}}<div><label for="{{.ID}}">{{.Label}}</label>{{with .Hint}}<p class="hint" id="{{$.HintID}}">{{.}}</p>{{end}}<input id="{{.ID}}" name="{{.ID}}" type="{{.Type}}" autocomplete="{{.Complete}}" value="{{.Value}}" maxlength="256"{{if .Hint}} aria-describedby="{{$.HintID}}"{{end}}{{if .Digits}} inputmode="numeric"{{end}}{{if not .Optional}} required{{end}}{{if .Focus}} autofocus{{end}}></div>{{end}}
{{with .Box}}<label class="box" for="mfa"><input id="mfa" name="mfa" type="checkbox" value="yes"><span>{{.}}</span></label>{{end}}<button type="submit">{{.Submit}}</button></form>{{end}}
{{if .Links}}<div class="ways">{{range .Links}}<a class="way" id="{{.ID}}" href="{{.Href}}">{{.Text}}</a>{{end}}</div>{{end}}</main>
<footer><div class="in"><p>{{.Note}}</p></div></footer></body></html>
`

type page struct {
	Title, Kind, Note, Error, Action, Submit, Box, HintID string

	Fields []field
	Links  []link
}

type field struct {
	ID, Label, Type, Complete, Value, Hint string
	Focus, Digits, Optional                bool
}

type link struct{ ID, Text, Href string }

// templates parses the page, and makes its policy: nothing is loaded, nothing runs, and forms lead here or, by the
// redirects that follow, to the application.
func templates(applications []string) (*template.Template, string, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"style": func() template.HTML { return template.HTML("<style>" + style + "</style>") },
	}).Parse(layout)
	if err != nil {
		return nil, "", fmt.Errorf("issuers: %w", err)
	}
	var origins []string
	for _, a := range applications {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'") {
			return nil, "", fmt.Errorf("issuers: %q is no address of an application", a)
		}
		if o := " " + u.Scheme + "://" + u.Host; !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	sum := sha256.Sum256([]byte(style))
	return t, "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'" +
		strings.Join(origins, "") + "; base-uri 'none'; frame-ancestors 'none'", nil
}

func (r *realm) show(w http.ResponseWriter, status int, p page) {
	p.Kind, p.HintID = r.kind, "hint"
	if p.Note == "" {
		p.Note = "This page plays its part on one machine, for development and tests. Use no password here that you use elsewhere."
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", r.i.policy)
	w.WriteHeader(status)
	if err := r.i.pages.Execute(w, p); err != nil {
		r.i.log("%s: page: %v", r.name, err)
	}
}

// refuse is the page for what cannot go on.
func (r *realm) refuse(w http.ResponseWriter, status int, sentence string) {
	r.show(w, status, page{Title: "Sign in", Error: sentence})
}

func (r *realm) address(path, id string) string { return r.path + path + "?id=" + url.QueryEscape(id) }

func (r *realm) loginPage(asked request, email, problem string) page {
	p := page{Title: "Sign in", Error: problem, Action: r.address("/login", asked.id), Submit: "Sign in", Fields: []field{
		{ID: "email", Label: "E-mail address", Type: "email", Complete: "username", Value: email, Focus: email == ""},
		{ID: "password", Label: "Password", Type: "password", Complete: "current-password", Focus: email != ""},
	}}
	if r.pool() {
		to := r.address("/federate", asked.id) + "&with="
		p.Links = []link{{"google", "Continue with Google", to + "Google"}, {"microsoft", "Continue with Microsoft", to + "Microsoft"}}
	}
	p.Links = append(p.Links, link{"create", "Create an account", r.address("/signup", asked.id)})
	return p
}

func (r *realm) createPage(asked request, u User, problem string) page {
	p := page{Title: "Create an account", Error: problem, Action: r.address("/signup", asked.id), Submit: "Create the account",
		Note: "No mail is sent on this machine: the address counts as confirmed at once. Use no password here that you use elsewhere.",
		Fields: []field{
			{ID: "name", Label: "Name", Type: "text", Complete: "name", Value: u.Name, Focus: true},
			{ID: "email", Label: "E-mail address", Type: "email", Complete: "username", Value: u.Email},
			{ID: "password", Label: "Password", Type: "password", Complete: "new-password"},
		}, Links: []link{{"back", "I have an account", r.address("/login", asked.id)}}}
	if r.pool() {
		p.Fields[2].Hint = fmt.Sprintf("At least %d characters, and not one from lists of stolen passwords.", leastPassword)
	} else {
		p.Box = "This account confirms its sign-ins with a second factor"
	}
	return p
}

func (r *realm) codePage(asked request, problem string) page {
	return page{Title: "Enter the code", Error: problem, Action: r.address("/code", asked.id), Submit: "Continue", Fields: []field{
		{ID: "code", Label: "Code", Type: "text", Complete: "one-time-code", Hint: "The six digits that your authenticator app shows now.", Focus: true, Digits: true},
	}, Links: []link{{"back", "Sign in with another account", r.address("/login", asked.id)}}}
}
