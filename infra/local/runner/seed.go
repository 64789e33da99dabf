package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/passportcraft/passportcraft/infra/local/samples"
)

// demoMail is the mail address of the demo tenant's owner.
const demoMail = "owner@demo.example"

// demo is what is kept of the demo tenant between runs.
type demo struct {
	TenantID string `json:"tenantId"`
	APIKey   string `json:"apiKey"`

	OwnerPassword string `json:"ownerPassword"`

	Sample string `json:"samplePath"` // path of the page to look at first; "" until everything is seeded
}

// runFile is .local/run.json: where everything is, for people and tests.
type runFile struct {
	URL               string `json:"url"`
	TenantID          string `json:"tenantId"`
	APIKey            string `json:"apiKey"`
	OwnerEmail        string `json:"ownerEmail"`
	OwnerPassword     string `json:"ownerPassword"`
	SamplePassportURL string `json:"samplePassportUrl"`
}

// welcome founds and seeds the demo tenant on the first start, and says where everything is.
func (s *site) welcome(ctx context.Context) error {
	d, err := s.demoTenant(ctx)
	if err != nil {
		return err
	}
	if d.Sample == "" {
		fmt.Fprintln(s.options.Out, "first start: making a demo tenant with sample passports")
		if d.Sample, err = s.seed(ctx, d); err != nil {
			return fmt.Errorf("seeding the demo tenant: %w", err)
		}
		if err := write(s.demoFile(), d); err != nil {
			return err
		}
	}
	file := runFile{URL: s.url, TenantID: d.TenantID, APIKey: d.APIKey, OwnerEmail: demoMail, OwnerPassword: d.OwnerPassword, SamplePassportURL: s.url + d.Sample}
	if err := write(filepath.Join(s.options.Data, "run.json"), file); err != nil {
		return err
	}
	fmt.Fprintf(s.options.Out, "\n  sign in          %s/sign-in as %s with %s\n  API key          %s\n  tenant           %s\n  sample passport  %s\n  errors explained %s/docs/errors\n  request log      %s\n\nready %s\n",
		s.url, file.OwnerEmail, file.OwnerPassword, file.APIKey, file.TenantID, file.SamplePassportURL, s.url, s.log.Name(), s.url)
	return nil
}

func (s *site) demoFile() string { return filepath.Join(s.options.Data, "demo.json") }

func (s *site) demoTenant(ctx context.Context) (demo, error) {
	var d demo
	b, err := os.ReadFile(s.demoFile())
	if err == nil {
		if err := json.Unmarshal(b, &d); err != nil {
			return d, fmt.Errorf("%s cannot be read; `make clean` starts afresh: %w", s.demoFile(), err)
		}
		return d, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return d, err
	}
	return s.demoOwner(ctx)
}

// seed creates and publishes the samples through the public API; one that is there already from an interrupted start is
// taken as it is.
func (s *site) seed(ctx context.Context, d demo) (path string, err error) {
	for _, name := range samples.Names() {
		body, err := samples.Read(name)
		if err != nil {
			return "", err
		}
		p, err := s.seedOne(ctx, d, body)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if p.Granularity == "item" {
			u, err := url.Parse(p.PublicURL)
			if err != nil {
				return "", err
			}
			path = u.EscapedPath()
		}
	}
	return path, nil
}

type seeded struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Granularity string `json:"granularity"`
	PublicURL   string `json:"publicUrl"`
	Revision    int    `json:"revision"`
}

func (s *site) seedOne(ctx context.Context, d demo, body []byte) (p seeded, err error) {
	var in struct {
		ProductIdentifier string `json:"productIdentifier"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return p, err
	}
	var found struct{ Items []seeded }
	if err := s.call(ctx, d, http.MethodGet, "/v1/passports?productIdentifier="+url.QueryEscape(in.ProductIdentifier), nil, 0, &found); err != nil {
		return p, err
	}
	if len(found.Items) > 0 {
		p = found.Items[0]
	} else if err := s.call(ctx, d, http.MethodPost, "/v1/passports", body, 0, &p); err != nil {
		return p, err
	}
	if p.Status == "draft" {
		err = s.call(ctx, d, http.MethodPost, "/v1/passports/"+p.ID+"/publication", nil, p.Revision, &p)
	}
	return p, err
}

// call talks to the running platform as any client would.
func (s *site) call(ctx context.Context, d demo, method, path string, body []byte, revision int, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.APIKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if revision > 0 {
		r.Header.Set("If-Match", fmt.Sprintf(`"%d"`, revision))
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	return json.Unmarshal(b, into)
}

// write replaces a file whole; it holds a key, so only its owner reads it.
func write(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
