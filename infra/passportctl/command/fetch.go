package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// writable refuses a name under which no file can be written.
func writable(file string) error {
	about, err := os.Stat(file)
	if err == nil && about.IsDir() {
		return fmt.Errorf("the package cannot be written: %s is a folder", file)
	}
	probe, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		if p := new(fs.PathError); errors.As(err, &p) {
			err = p.Err // its name was made up
		}
		return fmt.Errorf("the package cannot be written to %s: %w", file, err)
	}
	return nil
}

// fetch writes the package beside its name first, so that a file of that name is always a whole one. What is there of it, from
// before or when the connection breaks, is not fetched again; a link that no longer leads anywhere is replaced.
func (a api) fetch(ctx context.Context, e status, out string) error {
	name := out + "." + e.ID + ".part"
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the package cannot be written: %w", err)
	}
	defer file.Close()
	p := part{World: a.World, file: file, link: e.Download.URL, linked: -1, size: e.Bytes}
	if p.done, err = file.Seek(0, io.SeekEnd); err == nil && p.done > p.size {
		err = p.cut()
	}
	if err != nil {
		return fmt.Errorf("the package cannot be written: %w", err)
	}
	for p.done < p.size { // what comes counts as an answer, so that patience begins anew
		before := p.done
		err := a.patient(ctx, func() error {
			err := p.more(ctx)
			if r := new(refusal); before != p.linked && errors.As(err, &r) && r.status < http.StatusInternalServerError {
				now, failed := a.packed(ctx, e.ID)
				if failed != nil || now.State != "ready" {
					return errors.Join(failed, fmt.Errorf("the export is %s", printable(now.State)))
				}
				p.link, p.linked = now.Download.URL, before
				err = p.more(ctx)
			}
			if p.done > before {
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("the package cannot be fetched: %w", err)
		}
	}
	if err := errors.Join(file.Sync(), file.Close(), os.Rename(name, out)); err != nil {
		return fmt.Errorf("the package cannot be written: %w", err)
	}
	return nil
}

// part is what there is of a package.
type part struct {
	World
	file       *os.File
	link       string
	linked     int64 // how much there was when the last new link came, -1 when none did
	done, size int64
}

func (p *part) cut() error {
	err := p.file.Truncate(0)
	p.done = 0
	_, failed := p.file.Seek(0, io.SeekStart)
	return errors.Join(err, failed)
}

// more fetches what is missing, or as much of it as comes.
func (p *part) more(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.link, http.NoBody)
	if err != nil {
		return errors.New("the link to the package is none")
	}
	if p.done > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.done))
	}
	resp, err := p.send(r, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if p.done > 0 && !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.done)) { // all of it comes
		if err := p.cut(); err != nil {
			return err
		}
	}
	in := &watched{r: io.LimitReader(resp.Body, p.size-p.done), done: p.done, total: p.size, draw: bar(p.World, "fetching")}
	n, err := io.Copy(p.file, in)
	p.done += n
	if in.err != nil || err == nil && p.done < p.size {
		return &unreachable{fmt.Errorf("the storage broke off after %d of %d bytes", p.done, p.size)}
	}
	return err
}

// watched is a reader that tells how far it is, and remembers why it went no further.
type watched struct {
	r           io.Reader
	done, total int64
	draw        func(done, total int64)
	err         error
}

func (p *watched) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	if p.draw != nil && n > 0 {
		p.draw(p.done, p.total)
	}
	if !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}
