// Package backups stands in for AWS Backup on this machine, and for the calls of DynamoDB about backups that the local
// engine does not know: it copies tables of the engine into files, keeps them as long as the rules of the template say,
// and restores them into new tables.
//
// It has the wire shapes of both services, and their unpleasant sides as far as the platform must cope with them: a
// restored table has new identity and neither time to live, tags, recovery nor protection; a deletion can be answered
// with 200 and leave the point as EXPIRED (Careless); a locked vault refuses deletion and unfitting lifecycles. What it does
// differently: a copy is read page by page while others write, where AWS takes it at one instant; jobs end at once, though
// the first question about one is answered with RUNNING; point-in-time recovery is a setting only, nothing is restored
// from it.
package backups

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

const (
	region  = "eu-west-1"
	account = "000000000000"
	day     = 24 * time.Hour
)

// Options are what a service needs.
type Options struct {
	Dir      string // of everything that is kept
	DynamoDB string // where the engine answers
	Access   string // credentials for it
	Secret   string
	Now      clock.Clock
	Template *template.Template
	Name     func(logicalID string) string // of tables and vaults on this machine
}

// Service is the stand-in; safe for concurrent use.
type Service struct {
	options Options
	engine  *engine

	mu       sync.Mutex
	careless bool
	kept     kept
}

// kept is what is remembered beside the copies themselves.
type kept struct {
	Points     []*point               `json:"points"`
	Jobs       map[string]*job        `json:"jobs"`
	Continuous map[string]*continuous `json:"continuous"` // by table
	Vaults     map[string]time.Time   `json:"vaults"`     // since when
	Tokens     map[string]string      `json:"tokens"`     // idempotency tokens of jobs
}

// point is a copy of a table.
type point struct {
	ARN       string    `json:"arn"`
	File      string    `json:"file"`
	Vault     string    `json:"vault"` // "" for a backup of DynamoDB itself
	Table     string    `json:"table"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"createdAt"`
	Days      int       `json:"days"` // 0: for ever
	Bytes     int64     `json:"bytes"`
	System    bool      `json:"system,omitempty"`
}

// job is a copy or a restore that was asked for.
type job struct {
	ID, Kind, Point, Table, State, Message string
	At                                     time.Time
	Asked                                  int
}

type continuous struct {
	Enabled bool      `json:"enabled"`
	Days    int       `json:"days"`
	Since   time.Time `json:"since"`
}

// Open opens or makes the service in a folder. The tables of the template have the recovery that it declares.
func Open(o Options) (*Service, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of backups cannot be made: %w", err)
	}
	s := &Service{options: o, engine: newEngine(o.DynamoDB, o.Access, o.Secret), kept: kept{
		Jobs: map[string]*job{}, Continuous: map[string]*continuous{}, Vaults: map[string]time.Time{}, Tokens: map[string]string{},
	}}
	b, err := os.ReadFile(s.file())
	if err == nil {
		err = json.Unmarshal(b, &s.kept)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s cannot be read; `make clean` starts afresh: %w", s.file(), err)
	}
	for _, t := range o.Template.Tables {
		if name := o.Name(t.ID); s.kept.Continuous[name] == nil && t.Recovery > 0 {
			s.kept.Continuous[name] = &continuous{Enabled: true, Days: t.Recovery, Since: o.Now()}
		}
	}
	for _, v := range o.Template.Vaults {
		if name := o.Name(v.ID); s.kept.Vaults[name].IsZero() {
			s.kept.Vaults[name] = o.Now()
		}
	}
	return s, s.save()
}

func (s *Service) file() string { return filepath.Join(s.options.Dir, "backups.json") }

// save writes beside the name first, so that a file of that name is always a whole one.
func (s *Service) save() error {
	b, err := json.MarshalIndent(s.kept, "", " ")
	if err == nil {
		err = os.WriteFile(s.file()+".part", b, 0o600)
	}
	if err == nil {
		err = os.Rename(s.file()+".part", s.file())
	}
	if err != nil {
		return fmt.Errorf("what is known of backups cannot be kept: %w", err)
	}
	return nil
}

// Careless makes the service treat callers as AWS Backup does those whose role lacks a permission: deletions, also by
// lifecycle, are answered with 200 and do not happen.
func (s *Service) Careless(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.careless = on
}

// Age makes every copy older, for tests.
func (s *Service) Age(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.kept.Points {
		p.CreatedAt = p.CreatedAt.Add(-d)
	}
}

// Rules are the rules of all plans, by the name under which Run knows them, with their schedules.
func (s *Service) Rules() map[string]string {
	all := map[string]string{}
	for _, p := range s.options.Template.Plans {
		for _, r := range p.Rules {
			all[p.ID+"."+r.Name] = r.Expression
		}
	}
	return all
}

// Run makes the copies of one rule.
func (s *Service) Run(ctx context.Context, rule string) error {
	for _, p := range s.options.Template.Plans {
		for _, r := range p.Rules {
			if p.ID+"."+r.Name != rule {
				continue
			}
			var failed []error
			for _, id := range p.Tables {
				_, err := s.copy(ctx, s.options.Name(r.Vault), s.options.Name(id), r.DeleteAfterDays)
				failed = append(failed, err)
			}
			return errors.Join(failed...)
		}
	}
	return fmt.Errorf("there is no rule %s", rule)
}

// copy makes a recovery point in a vault, or a backup of DynamoDB itself.
func (s *Service) copy(ctx context.Context, vault, table string, days int) (*point, error) {
	if problem := s.fits(vault, days); problem != nil {
		return nil, problem
	}
	id, err := random()
	if err != nil {
		return nil, err
	}
	p := &point{File: id + ".json.gz", Vault: vault, Table: table, Status: "COMPLETED", CreatedAt: s.options.Now(), Days: days}
	p.ARN = "arn:aws:backup:" + region + ":" + account + ":recovery-point:" + id
	if vault == "" {
		p.ARN, p.Status = tableARN(table)+"/backup/"+id, "AVAILABLE"
	}
	if p.Bytes, err = s.engine.copy(ctx, table, filepath.Join(s.options.Dir, p.File)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	s.kept.Points = append(s.kept.Points, p)
	return p, s.save()
}

// fits refuses a lifecycle that the lock of a vault does not allow.
func (s *Service) fits(vault string, days int) error {
	if vault == "" {
		return nil
	}
	v, ok := s.vault(vault)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no vault "+vault+".")
	case v.MaxDays > 0 && (days == 0 || days > v.MaxDays), days < v.MinDays:
		return refuse(http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("The lock of the vault allows %d to %d days, not %d.", v.MinDays, v.MaxDays, days))
	}
	return nil
}

func (s *Service) vault(name string) (template.Vault, bool) {
	i := slices.IndexFunc(s.options.Template.Vaults, func(v template.Vault) bool { return s.options.Name(v.ID) == name })
	if i < 0 {
		return template.Vault{}, false
	}
	return s.options.Template.Vaults[i], true
}

// expire removes what has reached its end. The mutex is held.
func (s *Service) expire() {
	now := s.options.Now()
	s.kept.Points = slices.DeleteFunc(s.kept.Points, func(p *point) bool {
		if p.Days == 0 || now.Before(p.deleteAt()) {
			return false
		}
		if s.careless {
			p.Status = "EXPIRED"
			return false
		}
		_ = os.Remove(filepath.Join(s.options.Dir, p.File))
		return true
	})
}

func (p *point) deleteAt() time.Time { return p.CreatedAt.Add(time.Duration(p.Days) * day) }

// remove removes a recovery point, or says that it has.
func (s *Service) remove(vault, arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	i := slices.IndexFunc(s.kept.Points, func(p *point) bool { return p.ARN == arn && p.Vault == vault })
	if i < 0 {
		return refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no such recovery point.")
	}
	if v, _ := s.vault(vault); v.MaxDays > 0 && s.options.Now().Sub(s.kept.Vaults[vault]) >= time.Duration(v.ChangeableDays)*day {
		return refuse(http.StatusBadRequest, "InvalidRequestException", "Backup vault is locked; a recovery point cannot be deleted before its end.")
	}
	if s.careless {
		if s.kept.Points[i].Vault != "" {
			s.kept.Points[i].Status = "EXPIRED"
		}
		return s.save()
	}
	_ = os.Remove(filepath.Join(s.options.Dir, s.kept.Points[i].File))
	s.kept.Points = slices.Delete(s.kept.Points, i, i+1)
	return s.save()
}

// restore fills a new table from a copy. A token that was used before names the job of then.
func (s *Service) restore(ctx context.Context, arn, table, token string) (*job, error) {
	s.mu.Lock()
	s.expire()
	if old := s.kept.Jobs[s.kept.Tokens[token]]; token != "" && old != nil {
		s.mu.Unlock()
		return old, nil
	}
	i := slices.IndexFunc(s.kept.Points, func(p *point) bool { return p.ARN == arn })
	var file string
	if i >= 0 {
		file = filepath.Join(s.options.Dir, s.kept.Points[i].File)
	}
	s.mu.Unlock()
	if i < 0 {
		return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no such recovery point.")
	}
	id, err := random()
	if err != nil {
		return nil, err
	}
	j := &job{ID: id, Kind: "restore", Point: arn, Table: table, State: "COMPLETED", At: s.options.Now()}
	if err := s.engine.restore(ctx, file, table); err != nil {
		j.State, j.Message = "FAILED", err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Jobs[id] = j
	if token != "" && j.State == "COMPLETED" {
		s.kept.Tokens[token] = id
	}
	return j, s.save()
}

// RestoreNewest fills a new table from the newest copy of another.
func (s *Service) RestoreNewest(ctx context.Context, of, table string) error {
	arn, newest := "", time.Time{}
	s.mu.Lock()
	for _, p := range s.kept.Points {
		if p.Table == of && !p.CreatedAt.Before(newest) {
			arn, newest = p.ARN, p.CreatedAt
		}
	}
	s.mu.Unlock()
	j, err := s.restore(ctx, arn, table, "")
	if err == nil && j.State != "COMPLETED" {
		err = errors.New(j.Message)
	}
	return err
}

func tableARN(table string) string {
	return "arn:aws:dynamodb:" + region + ":" + account + ":table/" + table
}

func tableOf(arn string) string {
	_, name, _ := strings.Cut(arn, ":table/")
	return name
}

func random() (string, error) {
	raw := make([]byte, 16)
	_, err := rand.Read(raw)
	return hex.EncodeToString(raw), err
}
