// Package audits is the HTTP form of the audit trail.
package audits

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Reader reads the audit trail, newest entry first.
type Reader interface {
	List(ctx context.Context, t id.Tenant, f audit.Filter, r page.Request) (page.Of[audit.Entry], error)
}

// List serves GET /v1/audit as JSON or CSV (RFC 4180).
func List(s Reader) httpapi.Route {
	return httpapi.Route{
		Function: "read-audit", Pattern: "GET /v1/audit", Action: access.AuditRead,
		Query: []string{"event", "actor", "object", "from", "to", "limit", "cursor"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			media, err := httpapi.Negotiate(r.Header.Get("Accept"), "application/json", "text/csv")
			if err != nil {
				return nil, err
			}
			f, err := filter(r)
			if err != nil {
				return nil, err
			}
			p, err := r.Page()
			if err != nil {
				return nil, err
			}
			got, err := s.List(r.Context(), r.Principal.Tenant, f, p)
			if err != nil {
				return nil, err
			}
			if media == "text/csv" {
				return table(got)
			}
			items := make([]json.RawMessage, len(got.Items))
			for i, e := range got.Items {
				if items[i], err = e.Canonical(); err != nil {
					return nil, err
				}
			}
			return httpapi.OK(httpapi.List[json.RawMessage]{Items: items, Next: got.Next}), nil
		},
	}
}

func filter(r *httpapi.Request) (audit.Filter, error) {
	q := r.URL.Query()
	f := audit.Filter{Event: audit.Event(q.Get("event")), Actor: q.Get("actor"), Object: q.Get("object"), To: r.At}
	if f.Event != "" && !f.Event.Known() {
		return f, httpapi.BadQuery("event", "an event such as passport.published")
	}
	var err error
	if f.From, err = r.Instant("from"); err != nil {
		return f, err
	}
	to, err := r.Instant("to")
	if err != nil {
		return f, err
	}
	if !to.IsZero() {
		f.To = to
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-audit.DefaultSpan)
	}
	if f.From.After(f.To) || f.To.Sub(f.From) > audit.MaxSpan {
		return f, httpapi.BadQuery("from", "at most 400 days before to")
	}
	return f, nil
}

// table is a page as CSV. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
func table(p page.Of[audit.Entry]) (*httpapi.Response, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{{"at", "actor", "event", "object", "count", "detail", "network", "before", "after", "request", "id"}}
	for _, e := range p.Items {
		detail := ""
		if len(e.Detail) > 0 {
			raw, err := json.Marshal(e.Detail)
			if err != nil {
				return nil, err
			}
			detail = string(raw)
		}
		rows = append(rows, []string{
			e.At.UTC().Format(time.RFC3339Nano), e.Actor, string(e.Event), e.Object, strconv.Itoa(e.Count), detail, e.Network, e.Before, e.After, string(e.Request), string(e.ID),
		})
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	resp := &httpapi.Response{Raw: b.Bytes(), ContentType: "text/csv; charset=utf-8; header=present"}
	resp.Set("Content-Disposition", `attachment; filename="audit.csv"`)
	if p.Next != "" {
		resp.Set("Next-Cursor", p.Next)
	}
	return resp, nil
}

// Logs reads audit logs in parts.
type Logs interface {
	Block(ctx context.Context, t id.Tenant, from int64) (auditlog.Block, error)
}

// Download serves GET /v1/audit/log?from=N: one part of the signed log, as lines of JSON (package auditlog describes
// them). Next-Sequence names the next part, absent on the last.
func Download(s Logs, scribe *audit.Scribe) httpapi.Route {
	return httpapi.Route{
		Function: "read-audit", Pattern: "GET /v1/audit/log", Action: access.AuditRead, Query: []string{"from"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			from, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("from"), "0"), 10, 64)
			if err != nil || from < 0 || from >= 1e12 {
				return nil, httpapi.BadQuery("from", "0, or the Next-Sequence of the part before")
			}
			if from == 0 {
				if err := scribe.Note(r.Context(), r.Caller(), audit.AuditDownloaded, "tenant:"+string(r.Principal.Tenant)); err != nil {
					return nil, err
				}
			}
			block, err := s.Block(r.Context(), r.Principal.Tenant, from)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			if err := auditlog.WriteLines(&b, string(r.Principal.Tenant), from == 0, block); err != nil {
				return nil, err
			}
			resp := &httpapi.Response{Raw: b.Bytes(), ContentType: "application/x-ndjson"}
			if block.Next >= 0 {
				resp.Set("Next-Sequence", strconv.FormatInt(block.Next, 10))
			}
			return resp, nil
		},
	}
}
