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

	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ReportName is where the report of a phase of an import lies; package reports writes it.
func ReportName(t id.Tenant, run id.Import, phase intake.Phase) string {
	return fmt.Sprintf("reports/%s/%s/%s.csv", t, run, phase)
}

// ReportLink implements intake.Files.
func (u *Uploads) ReportLink(ctx context.Context, t id.Tenant, run id.Import, phase intake.Phase, life time.Duration) (string, error) {
	name := ReportName(t, run, phase)
	r, err := u.packages.sign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &u.packages.bucket, Key: &name, ResponseContentDisposition: aws.String(`attachment; filename="import-` + string(phase) + `-report.csv"`),
	}, s3.WithPresignExpires(life))
	if err != nil {
		return "", fault.From(err, fault.CodeUnavailable, "The link could not be made. Repeat later.").After(2 * time.Second)
	}
	return r.URL, nil
}

// Put stores a small object.
func (u *Uploads) Put(ctx context.Context, name string, b []byte) error {
	return u.packages.put(ctx, name, b)
}

// Get opens an object, or its first bytes when first is above zero.
func (u *Uploads) Get(ctx context.Context, name string, first int) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &u.packages.bucket, Key: &name}
	if first > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=0-%d", first-1))
	}
	out, err := u.packages.api.GetObject(ctx, in)
	u.packages.observe(ctx, "s3.GetObject", 0)
	if err != nil {
		return nil, failed(err)
	}
	return out.Body, nil
}

// Write begins an object of unknown size. ctx is for all calls until Close.
func (u *Uploads) Write(ctx context.Context, name, kind string) *ObjectWriter {
	return &ObjectWriter{ctx: ctx, store: u.packages, name: name, kind: kind}
}

// objectPart is how much of an object is kept in memory while it is written; S3 wants parts of 5 MiB or more.
const objectPart = 8 << 20

// ObjectWriter writes an object of unknown size. A small one takes one call; nothing is there before Close.
type ObjectWriter struct {
	ctx    context.Context //nolint:containedctx // io.Writer has none
	store  *Packages
	name   string
	kind   string
	buffer bytes.Buffer
	upload string
	parts  []types.CompletedPart
}

// Write implements io.Writer.
func (w *ObjectWriter) Write(b []byte) (int, error) {
	w.buffer.Write(b)
	if w.buffer.Len() < objectPart {
		return len(b), nil
	}
	return len(b), w.part()
}

func (w *ObjectWriter) part() error {
	if w.upload == "" {
		out, err := w.store.api.CreateMultipartUpload(w.ctx, &s3.CreateMultipartUploadInput{Bucket: &w.store.bucket, Key: &w.name, ContentType: &w.kind})
		w.store.observe(w.ctx, "s3.CreateMultipartUpload", 0)
		if err != nil {
			return failed(err)
		}
		w.upload = aws.ToString(out.UploadId)
	}
	number := aws.Int32(int32(len(w.parts)) + 1)
	out, err := w.store.api.UploadPart(w.ctx, &s3.UploadPartInput{Bucket: &w.store.bucket, Key: &w.name, UploadId: &w.upload, PartNumber: number, Body: bytes.NewReader(w.buffer.Bytes())})
	w.store.observe(w.ctx, "s3.UploadPart", 0)
	if err != nil {
		return failed(err)
	}
	w.parts = append(w.parts, types.CompletedPart{ETag: out.ETag, PartNumber: number})
	w.buffer.Reset()
	return nil
}

// Close makes the object.
func (w *ObjectWriter) Close() error {
	if w.upload == "" {
		_, err := w.store.api.PutObject(w.ctx, &s3.PutObjectInput{Bucket: &w.store.bucket, Key: &w.name, Body: bytes.NewReader(w.buffer.Bytes()), ContentType: &w.kind})
		w.store.observe(w.ctx, "s3.PutObject", 0)
		if err != nil {
			return failed(err)
		}
		return nil
	}
	if w.buffer.Len() > 0 {
		if err := w.part(); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	_, err := w.store.api.CompleteMultipartUpload(w.ctx, &s3.CompleteMultipartUploadInput{Bucket: &w.store.bucket, Key: &w.name, UploadId: &w.upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts}})
	w.store.observe(w.ctx, "s3.CompleteMultipartUpload", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}

// Abort leaves nothing behind.
func (w *ObjectWriter) Abort() error {
	if w.upload == "" {
		return nil
	}
	_, err := w.store.api.AbortMultipartUpload(w.ctx, &s3.AbortMultipartUploadInput{Bucket: &w.store.bucket, Key: &w.name, UploadId: &w.upload})
	w.store.observe(w.ctx, "s3.AbortMultipartUpload", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}
