package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Packages keeps exports in a bucket of their own: requests/<tenant>/<export>.<n>.json asks the packager,
// state/<tenant>/<export>/<step>.json is what it remembers, packages/<tenant>/<export>.zip is what the tenant fetches.
// It implements the ports of package export.
type Packages struct {
	api     *s3.Client
	sign    *s3.PresignClient
	bucket  string
	observe Observe
}

// OpenPackages makes the store. Nothing is called yet. endpoint overrides AWS's address; public, if not empty, is the
// address under which those who fetch packages reach the storage.
func OpenPackages(cfg aws.Config, endpoint, public, bucket string, observe Observe) *Packages {
	c := Open(cfg, endpoint, bucket, observe)
	visible := c.api
	if public != "" {
		visible = Open(cfg, public, bucket, observe).api
	}
	return &Packages{api: c.api, sign: s3.NewPresignClient(visible), bucket: bucket, observe: observe}
}

func packageName(t id.Tenant, e id.Export) string {
	return "packages/" + string(t) + "/" + string(e) + ".zip"
}

func stateName(t id.Tenant, e id.Export, at export.Mark) string {
	return fmt.Sprintf("state/%s/%s/%06d-%d.json", t, e, at.Step, at.Fence)
}

func (p *Packages) put(ctx context.Context, name string, b []byte) error {
	_, err := p.api.PutObject(ctx, &s3.PutObjectInput{Bucket: &p.bucket, Key: &name, Body: bytes.NewReader(b), ContentType: aws.String("application/json")})
	p.observe(ctx, "s3.PutObject", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}

// Ask stores a request; its creation is the event that calls the packager.
func (p *Packages) Ask(ctx context.Context, t id.Tenant, e id.Export, n int) error {
	return p.put(ctx, fmt.Sprintf("requests/%s/%s.%06d.json", t, e, n), []byte("{}\n"))
}

// Save keeps a checkpoint. One that could not be read again is refused.
func (p *Packages) Save(ctx context.Context, t id.Tenant, e id.Export, at export.Mark, state []byte) error {
	if len(state) > maxState {
		return fmt.Errorf("objects: a checkpoint of %d bytes", len(state))
	}
	return p.put(ctx, stateName(t, e, at), state)
}

// maxState bounds a checkpoint: what is too little for a part, in base64, and the members of some parts.
const maxState = 64 << 20

// Load reads a checkpoint.
func (p *Packages) Load(ctx context.Context, t id.Tenant, e id.Export, at export.Mark) ([]byte, error) {
	out, err := p.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.bucket, Key: aws.String(stateName(t, e, at))})
	p.observe(ctx, "s3.GetObject", 0)
	if err != nil {
		return nil, failed(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, maxState+1))
	if err != nil {
		return nil, failed(err)
	}
	if len(b) > maxState {
		return nil, fmt.Errorf("objects: a checkpoint of more than %d bytes", maxState)
	}
	return b, nil
}

// Begin begins a package.
func (p *Packages) Begin(ctx context.Context, t id.Tenant, e id.Export) (string, error) {
	out, err := p.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &p.bucket, Key: aws.String(packageName(t, e)), ContentType: aws.String("application/zip")})
	p.observe(ctx, "s3.CreateMultipartUpload", 0)
	if err != nil {
		return "", failed(err)
	}
	return aws.ToString(out.UploadId), nil
}

// Part uploads a part; the same number again replaces it.
func (p *Packages) Part(ctx context.Context, u export.Upload, number int, data []byte) (string, error) {
	out, err := p.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &p.bucket, Key: aws.String(packageName(u.Tenant, u.Export)), UploadId: &u.ID, PartNumber: aws.Int32(int32(number)), Body: bytes.NewReader(data),
	})
	p.observe(ctx, "s3.UploadPart", 0)
	if err != nil {
		return "", failed(err)
	}
	return aws.ToString(out.ETag), nil
}

// Finish makes the package of its parts. An upload that is gone while the package is there has been finished before.
func (p *Packages) Finish(ctx context.Context, u export.Upload, parts []export.Part) error {
	done := make([]types.CompletedPart, len(parts))
	for i, part := range parts {
		done[i] = types.CompletedPart{ETag: aws.String(part.Tag), PartNumber: aws.Int32(int32(part.Number))}
	}
	name := packageName(u.Tenant, u.Export)
	_, err := p.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &p.bucket, Key: &name, UploadId: &u.ID, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	p.observe(ctx, "s3.CompleteMultipartUpload", 0)
	if err == nil {
		return nil
	}
	if _, gone := errors.AsType[*types.NoSuchUpload](err); gone {
		_, there := p.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.bucket, Key: &name})
		p.observe(ctx, "s3.HeadObject", 0)
		if there == nil {
			return nil
		}
	}
	return failed(err)
}

// Abort removes the parts of a package that will not be.
func (p *Packages) Abort(ctx context.Context, u export.Upload) error {
	_, err := p.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.bucket, Key: aws.String(packageName(u.Tenant, u.Export)), UploadId: &u.ID})
	p.observe(ctx, "s3.AbortMultipartUpload", 0)
	if _, gone := errors.AsType[*types.NoSuchUpload](err); err != nil && !gone {
		return failed(err)
	}
	return nil
}

// Discard removes the parts of a package, or the package if it was put together.
func (p *Packages) Discard(ctx context.Context, u export.Upload) error {
	_, err := p.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.bucket, Key: aws.String(packageName(u.Tenant, u.Export)), UploadId: &u.ID})
	p.observe(ctx, "s3.AbortMultipartUpload", 0)
	if _, gone := errors.AsType[*types.NoSuchUpload](err); gone {
		return p.Delete(ctx, u.Tenant, u.Export)
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

// Delete removes a package; one that is not there is no error.
func (p *Packages) Delete(ctx context.Context, t id.Tenant, e id.Export) error {
	return p.remove(ctx, packageName(t, e))
}

// Forget removes a checkpoint.
func (p *Packages) Forget(ctx context.Context, t id.Tenant, e id.Export, at export.Mark) error {
	return p.remove(ctx, stateName(t, e, at))
}

func (p *Packages) remove(ctx context.Context, name string) error {
	_, err := p.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.bucket, Key: &name})
	p.observe(ctx, "s3.DeleteObject", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}

// Link signs an address from which the package can be fetched for a while. It ends with the session that signed it at the
// latest.
func (p *Packages) Link(ctx context.Context, t id.Tenant, e id.Export, name string, life time.Duration) (string, error) {
	r, err := p.sign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &p.bucket, Key: aws.String(packageName(t, e)), ResponseContentDisposition: aws.String(`attachment; filename="` + name + `"`),
	}, s3.WithPresignExpires(life))
	if err != nil {
		return "", fault.From(err, fault.CodeUnavailable, "The link could not be made. Repeat later.").After(2 * time.Second)
	}
	return r.URL, nil
}
