package objects

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Uploads keeps files that tenants bring: uploads/<tenant>/<import>, and commits/<tenant>/<import>.<n>.json, whose creation
// calls the runner again. It implements restore.Files and, intake.Files.
type Uploads struct {
	packages *Packages
}

// OpenUploads makes the store; see OpenPackages.
func OpenUploads(cfg aws.Config, endpoint, public, bucket string, observe Observe) *Uploads {
	return &Uploads{OpenPackages(cfg, endpoint, public, bucket, observe)}
}

func uploadName(t id.Tenant, i id.Import) string { return "uploads/" + string(t) + "/" + string(i) }

// Upload signs an upload of exactly the announced bytes: the storage refuses another size or another SHA-256.
func (u *Uploads) Upload(ctx context.Context, a upload.Announcement, life time.Duration) (upload.Form, error) {
	sum, err := hex.DecodeString(a.SHA256)
	if err != nil {
		return upload.Form{}, fault.New(fault.CodeValueInvalid, "The SHA-256 is not one.")
	}
	r, err := u.packages.sign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &u.packages.bucket, Key: aws.String(uploadName(a.Tenant, a.Import)), ContentLength: &a.Size, ContentType: &a.Type,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
	}, s3.WithPresignExpires(life))
	if err != nil {
		return upload.Form{}, fault.From(err, fault.CodeUnavailable, "The upload could not be prepared. Repeat later.").After(2 * time.Second)
	}
	form := upload.Form{URL: r.URL, Method: http.MethodPut, Headers: map[string]string{}}
	for name, values := range r.SignedHeader {
		if !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Content-Length") {
			form.Headers[name] = strings.Join(values, ",")
		}
	}
	return form, nil
}

// Ask calls the runner once more.
func (u *Uploads) Ask(ctx context.Context, t id.Tenant, i id.Import, n int) error {
	return u.packages.put(ctx, fmt.Sprintf("commits/%s/%s.%06d.json", t, i, n), []byte("{}\n"))
}

// Remove deletes a file; one that is not there is no error.
func (u *Uploads) Remove(ctx context.Context, t id.Tenant, i id.Import) error {
	return u.packages.remove(ctx, uploadName(t, i))
}

// Arrived tells whether a file is there.
func (u *Uploads) Arrived(ctx context.Context, t id.Tenant, i id.Import) (bool, error) {
	out, err := u.head(ctx, uploadName(t, i))
	return out != nil, err
}

// head asks for an object; nil for one that is not there. Without the right to list a bucket, S3 says of what is not there
// that it may not be read.
func (u *Uploads) head(ctx context.Context, name string) (*s3.HeadObjectOutput, error) {
	out, err := u.packages.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.packages.bucket, Key: &name})
	u.packages.observe(ctx, "s3.HeadObject", 0)
	if answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok && (answer.HTTPStatusCode() == http.StatusNotFound || answer.HTTPStatusCode() == http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return out, nil
}

// Open reads a file at any place, a block at a time. The fault for one that is not there is upload.Gone.
func (u *Uploads) Open(ctx context.Context, t id.Tenant, i id.Import) (io.ReaderAt, int64, error) {
	name := uploadName(t, i)
	out, err := u.head(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	if out == nil {
		return nil, 0, upload.Gone()
	}
	size := aws.ToInt64(out.ContentLength)
	return &ranges{ctx: ctx, store: u.packages, name: name, size: size, blocks: map[int64][]byte{}}, size, nil
}

const (
	blockSize  = 4 << 20
	blocksKept = 4
)

// ranges is an object as io.ReaderAt. It keeps the last blocks, since archives are read mostly in order.
type ranges struct {
	ctx    context.Context //nolint:containedctx // io.ReaderAt has none
	store  *Packages
	name   string
	size   int64
	mu     sync.Mutex
	blocks map[int64][]byte
	order  []int64
}

func (r *ranges) ReadAt(p []byte, off int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < 0 { // as an archive says that lacks its first bytes
		return 0, errors.New("objects: a place before the file")
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		block, err := r.block(at / blockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[at%blockSize:])
	}
	return n, nil
}

func (r *ranges) block(number int64) ([]byte, error) {
	if b, ok := r.blocks[number]; ok {
		return b, nil
	}
	first := number * blockSize
	last := min(first+blockSize, r.size) - 1
	out, err := r.store.api.GetObject(r.ctx, &s3.GetObjectInput{Bucket: &r.store.bucket, Key: &r.name, Range: aws.String(fmt.Sprintf("bytes=%d-%d", first, last))})
	r.store.observe(r.ctx, "s3.GetObject", 0)
	if err != nil {
		return nil, failed(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, blockSize))
	if err != nil || int64(len(b)) != last-first+1 {
		return nil, failed(errors.Join(err, fmt.Errorf("objects: %d of %d bytes came", len(b), last-first+1)))
	}
	if len(r.order) >= blocksKept {
		delete(r.blocks, r.order[0])
		r.order = r.order[1:]
	}
	r.blocks[number], r.order = b, append(r.order, number)
	return b, nil
}
